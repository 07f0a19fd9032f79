import type { CountersPort } from '../host-options.ts'
import type { SandboxLimits } from '../limits.ts'
import { loopLoad } from './loop-load.ts'

export interface BudgetOptions {
  readonly counters: CountersPort
  readonly limits: SandboxLimits
  readonly nowMs: () => number
  /** How many times its share a tenant may have of the worker now. */
  readonly load?: { readonly headroom: number }
}

/**
 * What a call costs the worker that makes it, in milliseconds of CPU (measured: 10 µs for the call and 20 for a
 * request more). Without it, a plugin that burns next to nothing may be called as often as a worker can, which
 * then has no time for anybody else.
 */
export const CALL_COST_MS = 0.03

/** What a tenant may take of a crowded worker at once: milliseconds of CPU, of the worker itself. */
const PACE_MS = 4

/**
 * What a tenant may burn of CPU on this node over time: a bucket that fills by itself, kept by the
 * primary for all workers. What was burnt is taken from it afterwards, and calls wait while it is
 * empty; nothing is killed for it. Between two reports a worker goes by what it knows: the node's use
 * exceeds the bucket by at most what each worker lets begin meanwhile.
 *
 * A burst is made of what others leave: while the worker is crowded, a tenant comes down there to
 * what its bucket fills by, call by call. Otherwise one that asks as fast as it is answered would keep all others waiting until its
 * bucket is empty.
 */
export class CpuBudget {
  readonly #key: string
  readonly #options: BudgetOptions
  #levelMs: number
  #atMs: number
  /** What is left of `PACE_MS`. */
  #paceMs = PACE_MS
  #pacedAtMs: number
  /** Burnt and not reported yet. */
  #openMs = 0
  #isReporting = false

  constructor(hostName: string, options: BudgetOptions) {
    this.#key = `cpu:${hostName}`
    this.#options = options
    this.#levelMs = options.limits.tenantCpuMs
    this.#atMs = options.nowMs()
    this.#pacedAtMs = this.#atMs
  }

  /** What is left in milliseconds of CPU; below zero after more was burnt than there was. */
  get leftMs(): number {
    const { tenantCpuMs, tenantCpuFillMs } = this.#options.limits
    const passedMs = this.#options.nowMs() - this.#atMs
    return Math.min(tenantCpuMs, this.#levelMs + (passedMs / tenantCpuFillMs) * tenantCpuMs)
  }

  /** Whether less than a quarter is left: who has to wait now does so because of the budget. */
  get isScarce(): boolean {
    return this.leftMs < this.#options.limits.tenantCpuMs / 4
  }

  /**
   * Whether one more call may begin beside so many that a child has before it: what has begun cannot
   * be taken back. Each is counted with what a handler may count on. One that is killed may have burnt
   * twice that, so at worst the debt is about as large as what was left, which is all remembered and paid
   * back: over time nobody gets more. Counting `killCpuMs` would let half as many begin at once.
   */
  mayBegin(pieces: number): boolean {
    return this.leftMs > pieces * this.#options.limits.handlerCpuMs && !this.isPaced
  }

  /** Whether who waits now does so because others need the worker. */
  get isPaced(): boolean {
    return this.#pace() <= 0
  }

  /** To be told what was burnt since the last time, and also asked while calls wait: 0 is a question. */
  burn(cpuMs: number): void {
    this.#spend(cpuMs)
    if (!this.#isReporting) void this.#report()
  }

  /** One more call begins. It is paid for at once: what a child burns is only seen later. */
  begin(): void {
    this.#paceMs = this.#pace() - CALL_COST_MS
    this.#pacedAtMs = this.#options.nowMs()
    this.#spend(CALL_COST_MS)
  }

  #spend(cpuMs: number): void {
    const { limits } = this.#options
    this.#levelMs = Math.max(-limits.tenantCpuMs, this.leftMs - cpuMs)
    this.#atMs = this.#options.nowMs()
    this.#openMs += cpuMs
  }

  #pace(): number {
    const { limits, load = loopLoad, nowMs } = this.#options
    const { headroom } = load
    if (headroom === Number.POSITIVE_INFINITY) return PACE_MS
    const filledMs = ((nowMs() - this.#pacedAtMs) / limits.tenantCpuFillMs) * limits.tenantCpuMs
    return Math.min(PACE_MS, this.#paceMs + headroom * filledMs)
  }

  async #report(): Promise<void> {
    const { counters, limits, nowMs } = this.#options
    if (counters.spend === undefined) return
    this.#isReporting = true
    const amountMs = this.#openMs
    this.#openMs = 0
    const bucket = { size: limits.tenantCpuMs, fillMs: limits.tenantCpuFillMs }
    try {
      const leftMs = await counters.spend(this.#key, amountMs, bucket)
      // What was burnt meanwhile is not in the answer.
      this.#levelMs = leftMs - this.#openMs
      this.#atMs = nowMs()
    } catch {
      // Counters that cannot be reached: this worker goes by what it has burnt itself.
    }
    this.#isReporting = false
  }
}
