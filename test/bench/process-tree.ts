import { readdirSync, readFileSync } from 'node:fs'

/** One process as /proc/PID/stat shows it. Times are in clock ticks. */
export interface ProcessTimes {
  readonly pid: number
  readonly parentPid: number
  /** Ticks since boot; together with the pid it names a process for good, as pids are reused. */
  readonly startedAt: number
  /** CPU burnt by its own threads, in user and kernel mode. */
  readonly selfTicks: number
  /** CPU burnt by children (and theirs) that have ended and been waited for. */
  readonly reapedTicks: number
}

export interface TreeMember extends ProcessTimes {
  /** What the process is there for: `primary`, `worker`, `sandbox`, .. */
  readonly kind: string
}

/** Names the kind of a process. `depth` is 0 for the root of the tree. */
export type Classify = (process: { depth: number; environment: () => string }) => string

export interface TreeCpu {
  readonly totalUs: number
  /** Each kind that still has a process, and `exited` for those that ended in between. */
  readonly byKindUs: Readonly<Record<string, number>>
}

/**
 * USER_HZ, the unit of /proc's clock ticks, is 100 on every architecture that Node is released for.
 * The kernel scales user + system time to the scheduler's exact run time, so their sum is good to
 * one tick and not a matter of sampling.
 */
export const TICK_US = 10_000

/** All members of the tree below and including `rootPid`; empty when the root is gone. */
export function readTree(rootPid: number, classify: Classify): TreeMember[] {
  return toTree(rootPid, readProcesses()).map(({ depth, process }) => ({
    ...process,
    kind: classify({ depth, environment: () => readEnvironment(process.pid) }),
  }))
}

/** The tree's members with their distance from the root, parents before children. */
export function toTree(
  rootPid: number,
  processes: readonly ProcessTimes[],
): { depth: number; process: ProcessTimes }[] {
  const root = processes.find(({ pid }) => pid === rootPid)
  if (root === undefined) return []
  const found = [{ depth: 0, process: root }]
  for (const { depth, process } of found) {
    for (const child of processes) {
      if (child.parentPid === process.pid) found.push({ depth: depth + 1, process: child })
    }
  }
  return found
}

/**
 * CPU that the tree burnt between two readings. A child that ended in between is counted through
 * the `reaped` time of whoever waited for it, less what it had burnt before the first reading.
 */
export function cpuBetween(before: readonly TreeMember[], after: readonly TreeMember[]): TreeCpu {
  const earlier = new Map(before.map((member) => [identity(member), member]))
  const byKindUs: Record<string, number> = {}
  let exitedTicks = 0
  for (const member of after) {
    const was = earlier.get(identity(member))
    earlier.delete(identity(member))
    const ticks = member.selfTicks - (was?.selfTicks ?? 0)
    byKindUs[member.kind] = (byKindUs[member.kind] ?? 0) + ticks * TICK_US
    exitedTicks += member.reapedTicks - (was?.reapedTicks ?? 0)
  }
  for (const gone of earlier.values()) exitedTicks -= gone.selfTicks + gone.reapedTicks
  // Below zero when an ended process has not been waited for yet, or by somebody outside.
  if (exitedTicks > 0) byKindUs['exited'] = exitedTicks * TICK_US
  const totalUs = Object.values(byKindUs).reduce((sum, us) => sum + us, 0)
  return { totalUs, byKindUs }
}

/** Parses the text of /proc/PID/stat. */
export function parseStat(text: string): ProcessTimes {
  // The command name stands in parentheses and may itself contain blanks and parentheses.
  const nameEnd = text.lastIndexOf(')')
  const fields = text.slice(nameEnd + 2).split(' ')
  // proc(5) counts from 1 and `fields` begins with field 3, the state.
  const field = (number: number): number => Number(fields[number - 3])
  return {
    pid: Number.parseInt(text, 10),
    parentPid: field(4),
    startedAt: field(22),
    selfTicks: field(14) + field(15),
    reapedTicks: field(16) + field(17),
  }
}

function readProcesses(): ProcessTimes[] {
  const processes: ProcessTimes[] = []
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      processes.push(parseStat(readFileSync(`/proc/${name}/stat`, 'latin1')))
    } catch {
      // It ended between the listing and the reading.
    }
  }
  return processes
}

function readEnvironment(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/environ`, 'latin1')
  } catch {
    return ''
  }
}

function identity({ pid, startedAt }: ProcessTimes): string {
  return `${pid}@${startedAt}`
}
