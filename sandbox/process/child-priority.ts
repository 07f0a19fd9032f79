import { setPriority } from 'node:os'
import { effectiveCapabilities } from './child-facts.ts'

/** A tenth of what others get where there is too little for all. */
const LOW = 10
const NORMAL = 0
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

/** For a child that nobody waits for. */
export function lower({ pid }: Prioritised): void {
  set(pid, LOW)
}

export function raise({ pid }: Prioritised): void {
  set(pid, NORMAL)
}

let mayRaise: boolean | null = null

/** Whether this process may give others their priority back. */
export function canRaise(): boolean {
  return (mayRaise ??= (effectiveCapabilities(process.pid) & CAP_SYS_NICE) !== 0n)
}

function set(pid: number | undefined, priority: number): void {
  if (pid === undefined || !canRaise()) return
  try {
    setPriority(pid, priority)
  } catch {
    // It is gone.
  }
}
