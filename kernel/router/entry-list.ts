import { compareEntries, holdsRest } from './route-entry.ts'
import type { RouteEntry } from './route-entry.ts'
import type { RouterRequest } from './types.ts'

/** What stays the same while one request is looked up. */
export interface RouteSearch {
  readonly request: RouterRequest
  /** Plain HTTP has no SNI: then a route's `snis` ask for nothing. */
  readonly ignoresSni: boolean
}

/** Entries of one category that share what an index has already compared. */
export interface Bucket<R, S> {
  add(entry: RouteEntry<R, S>): void
  /** The entry that goes first among those that match and `best`. */
  best(search: RouteSearch, best: RouteEntry<R, S> | null): RouteEntry<R, S> | null
}

/** A bucket in the order of `compareEntries`. */
export class EntryList<R, S> implements Bucket<R, S> {
  readonly #entries: RouteEntry<R, S>[] = []
  readonly #onDisorder: (list: EntryList<R, S>) => void
  #isSorted = true

  /** `onDisorder` is told once when the list will need `sort` before it is asked anything. */
  constructor(onDisorder: (list: EntryList<R, S>) => void) {
    this.#onDisorder = onDisorder
  }

  add(entry: RouteEntry<R, S>): void {
    const last = this.#entries.at(-1)
    this.#entries.push(entry)
    if (!this.#isSorted || last === undefined || compareEntries(last, entry) <= 0) return
    this.#isSorted = false
    this.#onDisorder(this)
  }

  best(search: RouteSearch, best: RouteEntry<R, S> | null): RouteEntry<R, S> | null {
    const { request, ignoresSni } = search
    for (const entry of this.#entries) {
      if (best !== null && compareEntries(best, entry) <= 0) return best
      if (holdsRest(entry, request, ignoresSni)) return entry
    }
    return best
  }

  /** Sorts in portions, so that a caller can let others run in between. */
  *sort(): Generator<void> {
    let runs: RouteEntry<R, S>[][] = []
    for (let at = 0; at < this.#entries.length; at += portion) {
      runs.push(this.#entries.slice(at, at + portion).toSorted(compareEntries))
      yield
    }
    while (runs.length > 1) {
      const merged: RouteEntry<R, S>[][] = []
      for (let at = 0; at < runs.length; at += 2) {
        merged.push(yield* mergeRuns(runs[at] ?? [], runs[at + 1] ?? []))
      }
      runs = merged
    }
    const [sorted = []] = runs
    for (const [index, entry] of sorted.entries()) this.#entries[index] = entry
    this.#isSorted = true
    yield
  }
}

// Small enough that sorting one portion takes well below a millisecond.
const portion = 512

function* mergeRuns<T extends RouteEntry<unknown, unknown>>(
  left: readonly T[],
  right: readonly T[],
): Generator<void, T[]> {
  const merged: T[] = []
  let leftAt = 0
  let rightAt = 0
  while (leftAt < left.length || rightAt < right.length) {
    const fromLeft = left[leftAt]
    const fromRight = right[rightAt]
    const takesLeft =
      fromRight === undefined ||
      (fromLeft !== undefined && compareEntries(fromLeft, fromRight) <= 0)
    if (takesLeft && fromLeft !== undefined) {
      merged.push(fromLeft)
      leftAt++
    } else if (fromRight !== undefined) {
      merged.push(fromRight)
      rightAt++
    }
    if (merged.length % portion === 0) yield
  }
  return merged
}
