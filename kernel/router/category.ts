import { EntryList } from './entry-list.ts'
import type { Bucket, BuildEvents } from './entry-list.ts'
import { HostIndex } from './host-index.ts'
import { PathTrie } from './path-trie.ts'
import { attribute } from './route-entry.ts'
import type { RouteEntry, RouteSearch } from './route-entry.ts'

/** All entries that select by the same set of attributes, indexed by host and then by path. */
export class Category<R, S> {
  readonly attributes: number
  readonly #hosts: HostIndex<R, S> | null
  readonly #all: Bucket<R, S>

  constructor(attributes: number, events: BuildEvents<R, S>) {
    this.attributes = attributes
    const hasPaths = (attributes & attribute.uri) !== 0
    const makeBucket = () => (hasPaths ? new PathTrie<R, S>(events) : new EntryList<R, S>(events))
    this.#all = makeBucket()
    this.#hosts = (attributes & attribute.host) === 0 ? null : new HostIndex<R, S>(makeBucket)
  }

  add(entry: RouteEntry<R, S>): void {
    if (this.#hosts === null) this.#all.add(entry)
    else this.#hosts.add(entry)
  }

  find(search: RouteSearch): RouteEntry<R, S> | null {
    const { host } = search
    if (this.#hosts === null) return this.#all.best(search, null)
    if (host === null) return null
    const exact = this.#hosts.exact(host)?.best(search, null) ?? null
    if (exact !== null) return exact
    let best: RouteEntry<R, S> | null = null
    for (const bucket of this.#hosts.others(host)) best = bucket.best(search, best)
    return best
  }
}

/**
 * Sorts categories into the order of search: more attributes first, then the heavier ones. With
 * `withoutSni` the attribute does not count, as on plain HTTP; what has no other is left out.
 */
export function orderCategories<R, S>(
  categories: Iterable<Category<R, S>>,
  withoutSni: boolean,
): readonly Category<R, S>[] {
  const counted = (category: Category<R, S>) =>
    withoutSni ? category.attributes & ~attribute.sni : category.attributes
  return [...categories]
    .filter((category) => counted(category) !== 0)
    .sort((left, right) => {
      const byCount = countBits(counted(right)) - countBits(counted(left))
      const byWeight = counted(right) - counted(left)
      return byCount || byWeight || left.attributes - right.attributes
    })
}

function countBits(value: number): number {
  let count = 0
  for (let rest = value; rest !== 0; rest &= rest - 1) count++
  return count
}
