import type { ProcessUsage } from './process-usage.ts'

/** Adds up the CPU of one child after the other, from the moment each was taken. */
export class CpuMeter {
  #beforeMs: number | null = null
  /** Of all children so far, as far as they were looked at. */
  totalMs = 0

  /** Another child is looked at from now on: what its start took is not its plugins'. */
  begin(usage: ProcessUsage | null): void {
    this.#beforeMs = usage?.cpuMs ?? null
  }

  /** What was burnt since the last look, in milliseconds; 0 where the platform does not tell. */
  look(usage: ProcessUsage | null): number {
    if (usage === null) return 0
    const burntMs = Math.max(0, usage.cpuMs - (this.#beforeMs ?? usage.cpuMs))
    this.#beforeMs = usage.cpuMs
    this.totalMs += burntMs
    return burntMs
  }
}
