import { setPriority } from 'node:os'
import type { Piece } from './piece.ts'

/**
 * How often the head of a busy child is looked at: as long as a piece may take before others go first. Must
 * divide `TICK_MS`: after so many looks the kill rule has its turn.
 */
export const LOOK_MS = 5
/**
 * A tenth of what others get where there is too little for all (nice 10). Not less: who is slow for a good
 * reason is still to end before its silence counts.
 */
const LOW = 10
const NORMAL = 0

/** What is looked at: a child and what it is doing. */
interface Worked {
  readonly pid?: number | undefined
  readonly head: Piece | null
}

/**
 * Lets a child that is long at one piece of work give way to all others, until it is done: on a machine
 * that is full, a loop would take as much as those who serve. Only root can give a process back what was
 * taken from it, so without root nothing is taken.
 */
export class ChildPriority {
  #head: Piece | null = null
  #isLow = false

  /** To be called every `LOOK_MS` with the child in service. */
  look(child: Worked): void {
    const { head } = child
    const stays = head !== null && head === this.#head
    this.#head = head
    if (stays === this.#isLow) return
    this.#isLow = stays
    if (stays) lower(child)
    else raise(child)
  }

  /** Another child is looked at from now on. */
  begin(child: Worked): void {
    this.#head = null
    this.#isLow = false
    raise(child)
  }
}

/** For a child that nobody waits for. */
export function lower({ pid }: Pick<Worked, 'pid'>): void {
  set(pid, LOW)
}

export function raise({ pid }: Pick<Worked, 'pid'>): void {
  set(pid, NORMAL)
}

function set(pid: number | undefined, priority: number): void {
  if (pid === undefined || process.getuid?.() !== 0) return
  try {
    setPriority(pid, priority)
  } catch {
    // It is gone, or this root has no such right: it goes on as it is.
  }
}
