import { readFileSync } from 'node:fs'

/** Ticks of one core since boot. */
export interface CoreTicks {
  readonly total: number
  /** Neither idle nor taken away by the hypervisor. */
  readonly busy: number
  /** Wanted by this machine, given to another one by the hypervisor. */
  readonly stolen: number
}

/** Shares of the time between two readings, 0 to 1. */
export interface CoreUsage {
  readonly busy: number
  readonly stolen: number
  readonly ticks: number
}

export function readCores(): Map<number, CoreTicks> {
  return parseCores(readFileSync('/proc/stat', 'latin1'))
}

/** Parses the lines `cpuN ..` of /proc/stat, by core number. */
export function parseCores(text: string): Map<number, CoreTicks> {
  const cores = new Map<number, CoreTicks>()
  for (const line of text.split('\n')) {
    const match = /^cpu(\d+) (.*)$/.exec(line)
    if (match === null) continue
    // user nice system idle iowait irq softirq steal; guest time is within user already.
    const ticks = match[2]!.trim().split(/\s+/).slice(0, 8).map(Number)
    const total = ticks.reduce((sum, part) => sum + part, 0)
    const stolen = ticks[7] ?? 0
    const idle = (ticks[3] ?? 0) + (ticks[4] ?? 0)
    cores.set(Number(match[1]), { total, busy: total - idle - stolen, stolen })
  }
  return cores
}

export function usageBetween(
  before: ReadonlyMap<number, CoreTicks>,
  after: ReadonlyMap<number, CoreTicks>,
  core: number,
): CoreUsage {
  const from = before.get(core)
  const to = after.get(core)
  if (from === undefined || to === undefined) {
    throw new Error(`/proc/stat has no line for core ${core}`)
  }
  const ticks = to.total - from.total
  if (ticks <= 0) return { busy: 0, stolen: 0, ticks: 0 }
  return {
    busy: (to.busy - from.busy) / ticks,
    stolen: (to.stolen - from.stolen) / ticks,
    ticks,
  }
}

/** Parses a list of cores as the kernel writes it: `0-2,5` is 0, 1, 2 and 5. */
export function parseCoreList(list: string): number[] {
  return list
    .trim()
    .split(',')
    .flatMap((part) => {
      const [first, last = first] = part.split('-').map(Number)
      return Array.from({ length: last! - first! + 1 }, (_, offset) => first! + offset)
    })
}

/** The cores that this process may run on, in ascending order. */
export function readAllowedCores(): number[] {
  const match = /^Cpus_allowed_list:\s*(\S+)/m.exec(readFileSync('/proc/self/status', 'latin1'))
  if (match === null) throw new Error('/proc/self/status has no line "Cpus_allowed_list"')
  return parseCoreList(match[1]!)
}
