import { compareEntries, holdsRest } from './route-entry.ts'
import type { RouteEntry, RouteSearch } from './route-entry.ts'

/** Entries of one category that share what an index has already compared. */
export interface Bucket<R, S> {
  add(entry: RouteEntry<R, S>): void
  /** The entry that goes first among those that match and `best`. */
  best(search: RouteSearch, best: RouteEntry<R, S> | null): RouteEntry<R, S> | null
}

/** Told of entries that must be sorted before they are asked anything. */
export type OnDisorder<R, S> = (entries: RouteEntry<R, S>[]) => void

/** A bucket without a further index. */
export class EntryList<R, S> implements Bucket<R, S> {
  readonly #entries: RouteEntry<R, S>[] = []
  readonly #onDisorder: OnDisorder<R, S>

  constructor(onDisorder: OnDisorder<R, S>) {
    this.#onDisorder = onDisorder
  }

  add(entry: RouteEntry<R, S>): void {
    appendEntry(this.#entries, entry, this.#onDisorder)
  }

  best(search: RouteSearch, best: RouteEntry<R, S> | null): RouteEntry<R, S> | null {
    return bestEntry(this.#entries, search, best)
  }
}

export function appendEntry<R, S>(
  entries: RouteEntry<R, S>[],
  entry: RouteEntry<R, S>,
  onDisorder: OnDisorder<R, S>,
): void {
  const last = entries.at(-1)
  entries.push(entry)
  if (last !== undefined && compareEntries(last, entry) > 0) onDisorder(entries)
}

/** The first of sorted entries that matches, unless `best` goes before it. */
export function bestEntry<R, S>(
  entries: readonly RouteEntry<R, S>[],
  search: RouteSearch,
  best: RouteEntry<R, S> | null,
): RouteEntry<R, S> | null {
  for (const entry of entries) {
    if (best !== null && compareEntries(best, entry) <= 0) return best
    if (holdsRest(entry, search)) return entry
  }
  return best
}

/** Sorts in place and in portions, so that a caller can let others run in between. */
export function* sortEntries<R, S>(entries: RouteEntry<R, S>[]): Generator<void> {
  let runs: RouteEntry<R, S>[][] = []
  for (let at = 0; at < entries.length; at += portion) {
    runs.push(entries.slice(at, at + portion).toSorted(compareEntries))
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
  for (const [index, entry] of sorted.entries()) entries[index] = entry
  yield
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
