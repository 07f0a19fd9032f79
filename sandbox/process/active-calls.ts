import type { ActiveCall } from './active-call.ts'

/** The calls that are under way. No `Set`, for the reason that `Fifo` has. */
export class ActiveCalls {
  readonly #calls: ActiveCall[] = []

  get size(): number {
    return this.#calls.length
  }

  has(active: ActiveCall): boolean {
    return this.#calls[active.place] === active
  }

  add(active: ActiveCall): void {
    active.place = this.#calls.length
    this.#calls.push(active)
  }

  delete(active: ActiveCall): void {
    if (!this.has(active)) return
    const last = this.#calls.pop()!
    if (last === active) return
    last.place = active.place
    this.#calls[active.place] = last
  }

  /** In the order in which they came. */
  inOrder(): ActiveCall[] {
    return this.#calls.toSorted(byNumber)
  }

  /** Those whose deadline has passed, in that order. */
  lateAt(nowMs: number): ActiveCall[] {
    return this.#calls.filter(({ deadlineMs }) => deadlineMs <= nowMs).toSorted(byNumber)
  }
}

function byNumber(one: ActiveCall, other: ActiveCall): number {
  return one.number - other.number
}
