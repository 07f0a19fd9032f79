import { readdirSync, readFileSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { effectiveCapabilities } from './child-facts.ts'
import { loadSetIdle } from './idle-policy.ts'

const NICE_MAX = 19
/** A quarter of a core that is full, beside a worker: all tenants wait for the worker, one for a sandbox. */
const SERVING = 5
/** A tenth of it, where Linux cannot be told to run it only when nothing else wants to. */
const LOW = 10
/** `CAP_SYS_NICE`: without it a process can be given less, and never again what it had. */
const CAP_SYS_NICE = 1n << 23n

/** A process, as long as it is there. */
interface Prioritised {
  readonly pid?: number | undefined
}

/** Keeps a child at the priority that its work has earned. */
export class ChildPriority {
  #isLow = false

  look(child: Prioritised, isLow: boolean): void {
    if (isLow === this.#isLow) return
    this.#isLow = isLow
    if (isLow) lower(child)
    else raise(child)
  }

  /** Another child is looked at from now on. */
  begin(child: Prioritised, isLow: boolean): void {
    this.#isLow = isLow
    if (isLow) lower(child)
    else raise(child)
  }
}

/** Gives way to the gateway from now on. To be called when the child has one thread: others inherit it. */
export function giveWay({ pid }: Prioritised): void {
  if (pid !== undefined) set(pid, SERVING)
}

/**
 * For a child that nobody waits for, or that takes more than it should: on a machine that is full it would
 * have as much as those who serve.
 */
export function lower({ pid }: Prioritised): void {
  if (pid !== undefined && canRaise()) setAll(pid, true)
}

/** Also for one that is killed: it has to run to its end, which took seconds with what others leave. */
export function raise({ pid }: Prioritised): void {
  if (pid !== undefined && canRaise()) setAll(pid, false)
}

let mayRaise: boolean | null = null

/** Whether this process may give others their priority back. */
export function canRaise(): boolean {
  return (mayRaise ??=
    (effectiveCapabilities(process.pid) & CAP_SYS_NICE) !== 0n && isInFirstUserNamespace())
}

/** In another one the capability is shown, and Linux does not ask for it there but in the first. */
function isInFirstUserNamespace(): boolean {
  try {
    return /^\s*0\s+0\s+4294967295\s*$/.test(readFileSync('/proc/self/uid_map', 'utf8'))
  } catch {
    return false
  }
}

/** What is missing here for `lower` to do all that it can, and what would help; null for nothing. */
export function describePriority(): { why: string | null; remedy: string | null } {
  if (process.platform !== 'linux') {
    const why = `there is no SCHED_IDLE on ${process.platform}: sandboxes only have a lower priority`
    return { why, remedy: 'run the gateway on Linux' }
  }
  if (!canRaise()) {
    const why =
      'the gateway has no CAP_SYS_NICE outside of a user namespace: a sandbox that loops keeps the priority of the others'
    return { why, remedy: 'give the gateway CAP_SYS_NICE, and no user namespace of its own' }
  }
  if (loadSetIdle() !== null) return { why: null, remedy: null }
  const why =
    'Node cannot call the C library: a sandbox that loops still has a tenth of a full core'
  return { why, remedy: 'run the gateway on Node 26, without --no-experimental-ffi' }
}

/** Linux counts the priority of each thread: those that collect garbage burn as much as the one that loops. */
function setAll(pid: number, isLow: boolean): void {
  const setIdle = loadSetIdle()
  for (const thread of threadsOf(pid)) {
    if (setIdle?.(thread, isLow) !== true) set(thread, isLow ? LOW : SERVING)
  }
}

function threadsOf(pid: number): number[] {
  try {
    return readdirSync(`/proc/${pid}/task`).map(Number)
  } catch {
    // It is gone, or there is no `/proc`.
    return [pid]
  }
}

/** `below`: how much nicer than the gateway itself. */
function set(id: number, below: number): void {
  try {
    setPriority(id, Math.min(NICE_MAX, getPriority() + below))
  } catch {
    // It is gone.
  }
}
