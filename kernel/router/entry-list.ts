import type { EntryGroup } from './entry-group.ts'
import { compareEntries, holdsRest } from './route-entry.ts'
import type { RouteEntry, RouteSearch } from './route-entry.ts'

/** Entries of one category that share what an index has already compared. */
export interface Bucket<R, S> {
  add(entry: RouteEntry<R, S>): void
  /** The entry that goes first among those that match and `best`. */
  best(search: RouteSearch, best: RouteEntry<R, S> | null): RouteEntry<R, S> | null
}

/** Below, looking at one after the other is cheaper than looking up which ones to look at. */
export const groupedFrom = 16

/** Where entries are kept: in a list, and when there are many, divided once more. */
export interface EntryHolder<R, S> {
  entries: RouteEntry<R, S>[] | null
  group: EntryGroup<R, S> | null
}

/** Told of what is to be done before anything is asked. */
export interface BuildEvents<R, S> {
  /** They must be sorted. */
  onDisorder(entries: RouteEntry<R, S>[]): void
  /** They are many, and worth dividing. */
  onMany(holder: EntryHolder<R, S>): void
}

/** A bucket without a further index. */
export class EntryList<R, S> implements Bucket<R, S>, EntryHolder<R, S> {
  readonly entries: RouteEntry<R, S>[] = []
  group: EntryGroup<R, S> | null = null
  readonly #events: BuildEvents<R, S>

  constructor(events: BuildEvents<R, S>) {
    this.#events = events
  }

  add(entry: RouteEntry<R, S>): void {
    appendEntry(this, entry, this.#events)
  }

  best(search: RouteSearch, best: RouteEntry<R, S> | null): RouteEntry<R, S> | null {
    return bestOf(this, search, best)
  }
}

export function appendEntry<R, S>(
  holder: EntryHolder<R, S>,
  entry: RouteEntry<R, S>,
  events: BuildEvents<R, S>,
): void {
  const entries = (holder.entries ??= [])
  const last = entries.at(-1)
  entries.push(entry)
  if (last !== undefined && compareEntries(last, entry) > 0) events.onDisorder(entries)
  if (entries.length === groupedFrom + 1) events.onMany(holder)
}

/** The entry that goes first among those of a place that match, unless `best` goes before it. */
export function bestOf<R, S>(
  { entries, group }: EntryHolder<R, S>,
  search: RouteSearch,
  best: RouteEntry<R, S> | null,
): RouteEntry<R, S> | null {
  if (group !== null) return group.best(search, best)
  return entries === null ? best : bestEntry(entries, search, best)
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
