import { readdirSync } from 'node:fs'
import { getPriority, setPriority } from 'node:os'
import { effectiveCapabilities } from './child-facts.ts'

const NICE_MAX = 19
/** A quarter of a core that is full, beside a worker: all tenants wait for the worker, one for a sandbox. */
const SERVING = 5
/** A tenth of it. */
const LOW = 10
/** `CAP_SYS_NICE`: without it a process can be given less, and never again what it had. */
const CAP_SYS_NICE = 1n << 23n

/** A process, as long as it is there. */
interface Prioritised {
  readonly pid?: number | undefined
}

/**
 * Lets a child that has burnt more than a handler may count on give way to all others, until its piece of
 * work is done or it is killed for it: on a machine that is full, a loop would take as much as those who
 * serve.
 */
export class ChildPriority {
  #isLow = false

  /** `isGreedy`: whether what it does now has burnt more than it may count on. */
  look(child: Prioritised, isGreedy: boolean): void {
    if (isGreedy === this.#isLow) return
    this.#isLow = isGreedy
    if (isGreedy) lower(child)
    else raise(child)
  }

  /** Another child is looked at from now on. */
  begin(child: Prioritised): void {
    this.#isLow = false
    raise(child)
  }
}

/** Gives way to the gateway from now on. To be called when the child has one thread: others inherit it. */
export function giveWay({ pid }: Prioritised): void {
  if (pid !== undefined) set(pid, SERVING)
}

/** For a child that nobody waits for. */
export function lower({ pid }: Prioritised): void {
  if (pid !== undefined && canRaise()) setAll(pid, LOW)
}

export function raise({ pid }: Prioritised): void {
  if (pid !== undefined && canRaise()) setAll(pid, SERVING)
}

let mayRaise: boolean | null = null

/** Whether this process may give others their priority back. */
export function canRaise(): boolean {
  return (mayRaise ??= (effectiveCapabilities(process.pid) & CAP_SYS_NICE) !== 0n)
}

/** Linux counts the priority of each thread: those that collect garbage burn as much as the one that loops. */
function setAll(pid: number, below: number): void {
  for (const thread of threadsOf(pid)) set(thread, below)
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
