import { foldSni } from '../expressions/request-facts.ts'
import { bestEntry, groupedFrom } from './entry-list.ts'
import { headerValues } from './header-rule.ts'
import type { RouteEntry, RouteSearch } from './route-entry.ts'

/** How entries that share host and path are told apart: by which of the request's values. */
interface Divider<R, S> {
  /** What an entry asks for, each value of which it may be listed under; null when nothing plain. */
  valuesOf(entry: RouteEntry<R, S>): readonly string[] | null
  /** What the request has; null when the entries' values are not asked for. */
  valuesIn(search: RouteSearch): readonly string[] | null
}

/**
 * Entries of one place in the index, divided once more: by method, SNI or the value of a header. A
 * request looks at those only that ask for what it has, and at those that ask for nothing of the kind.
 */
export class EntryGroup<R, S> {
  readonly #entries: readonly RouteEntry<R, S>[]
  #divider: Divider<R, S> | null = null
  readonly #byValue = new Map<string, EntryGroup<R, S>>()
  #rest: EntryGroup<R, S> | null = null

  /** `entries` are sorted. */
  constructor(entries: readonly RouteEntry<R, S>[]) {
    this.#entries = entries
  }

  /** Divides as far as that helps; each step between two yields is short. */
  *divide(used: ReadonlySet<string> = new Set()): Generator<void> {
    if (this.#entries.length <= groupedFrom) return
    const chosen = chooseDivider(this.#entries, used)
    if (chosen === null) return
    const { divider, name } = chosen
    const lists = new Map<string, RouteEntry<R, S>[]>()
    const rest: RouteEntry<R, S>[] = []
    let steps = 0
    for (const entry of this.#entries) {
      const values = divider.valuesOf(entry)
      if (values === null) rest.push(entry)
      else for (const value of new Set(values)) pushTo(lists, value, entry)
      if (++steps % stepsAtOnce === 0) yield
    }
    this.#divider = divider
    const usedBelow = new Set([...used, name])
    for (const [value, entries] of lists) {
      const group = new EntryGroup(entries)
      this.#byValue.set(value, group)
      yield* group.divide(usedBelow)
      if (++steps % stepsAtOnce === 0) yield
    }
    if (rest.length === 0) return
    this.#rest = new EntryGroup(rest)
    yield* this.#rest.divide(usedBelow)
  }

  best(search: RouteSearch, best: RouteEntry<R, S> | null): RouteEntry<R, S> | null {
    const values = this.#divider === null ? null : this.#divider.valuesIn(search)
    if (values === null) return bestEntry(this.#entries, search, best)
    let found = best
    for (const value of values) {
      const group = this.#byValue.get(value)
      if (group !== undefined) found = group.best(search, found)
    }
    return this.#rest === null ? found : this.#rest.best(search, found)
  }
}

const stepsAtOnce = 256

function pushTo<K, V>(lists: Map<K, V[]>, key: K, value: V): void {
  const list = lists.get(key)
  if (list === undefined) lists.set(key, [value])
  else list.push(value)
}

/** The one that divides best; null when none divides at all. */
function chooseDivider<R, S>(
  entries: readonly RouteEntry<R, S>[],
  used: ReadonlySet<string>,
): { divider: Divider<R, S>; name: string } | null {
  let best: { divider: Divider<R, S>; name: string; largest: number } | null = null
  for (const [name, divider] of dividersOf(entries)) {
    if (used.has(name)) continue
    const counts = new Map<string, number>()
    let rest = 0
    let largest = 0
    for (const entry of entries) {
      const values = divider.valuesOf(entry)
      if (values === null) rest++
      else {
        for (const value of values) {
          const count = (counts.get(value) ?? 0) + 1
          counts.set(value, count)
          largest = Math.max(largest, count)
        }
      }
    }
    // What a request has to look at in the worst case.
    const most = largest + rest
    if (most < entries.length && (best === null || most < best.largest)) {
      best = { divider, name, largest: most }
    }
  }
  return best
}

/** By header name there is one for each of the names that the first entries ask for. */
function dividersOf<R, S>(
  entries: readonly RouteEntry<R, S>[],
): readonly (readonly [name: string, divider: Divider<R, S>])[] {
  const names = new Set<string>()
  for (const entry of entries.slice(0, namesLookedAt)) {
    for (const rule of entry.headers ?? []) names.add(rule.name)
  }
  const byMethod: Divider<R, S> = {
    valuesOf: ({ methods }) => (methods === null ? null : [...methods]),
    valuesIn: ({ request }) => [request.method],
  }
  const bySni: Divider<R, S> = {
    valuesOf: ({ snis }) => (snis === null ? null : [...snis]),
    valuesIn: ({ ignoresSni, request: { sni } }) => {
      if (ignoresSni) return null
      return sni === null ? [] : [foldSni(sni)]
    },
  }
  const byHeader = [...names].map(
    (name) =>
      [
        `header ${name}`,
        {
          valuesOf: ({ headers }: RouteEntry<R, S>) => {
            const rule = headers?.find((one) => one.name === name)
            return rule === undefined || rule.pattern !== null ? null : [...rule.values]
          },
          valuesIn: ({ request }: RouteSearch) => headerValues(request.headers, name),
        },
      ] as const,
  )
  return [['method', byMethod], ['sni', bySni], ...byHeader]
}

const namesLookedAt = 64
