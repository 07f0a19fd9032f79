import type { PathMatch, RequestFacts } from '../expressions/request-facts.ts'
import { compareExpressions } from './expression-entry.ts'
import type { ExpressionEntry } from './expression-entry.ts'

/** The route that was found, and what its predicates on the path have matched. */
export interface FoundExpression<R, S> {
  readonly entry: ExpressionEntry<R, S>
  readonly pathMatch: PathMatch | null
}

/**
 * Routes with an expression, listed by the hosts and the beginnings of paths without which they
 * cannot match. A request asks only those that are listed under its own.
 */
export class ExpressionIndex<R, S> {
  readonly #byHost = new Map<string, PrefixLists<R, S>>()
  readonly #anyHost = new PrefixLists<R, S>()
  #count = 0

  get isEmpty(): boolean {
    return this.#count === 0
  }

  add(entry: ExpressionEntry<R, S>): void {
    this.#count++
    const { hosts, paths } = entry.expression.keys
    for (const lists of hosts === null ? [this.#anyHost] : hosts.map((host) => this.#of(host))) {
      for (const path of paths ?? ['']) lists.add(path, entry)
    }
  }

  find(facts: RequestFacts): FoundExpression<R, S> | null {
    const { host } = facts
    const own = host === null ? undefined : this.#byHost.get(host)
    const best = own === undefined ? null : own.best(facts, null)
    return this.#anyHost.best(facts, best)
  }

  #of(host: string): PrefixLists<R, S> {
    let lists = this.#byHost.get(host)
    if (lists === undefined) this.#byHost.set(host, (lists = new PrefixLists<R, S>()))
    return lists
  }
}

/**
 * Sorted entries by the beginning of the path. A lookup costs one look for each length that occurs,
 * however many there are of it.
 */
class PrefixLists<R, S> {
  readonly #lists = new Map<string, ExpressionEntry<R, S>[]>()
  /** Ascending. */
  readonly #lengths: number[] = []

  add(prefix: string, entry: ExpressionEntry<R, S>): void {
    const list = this.#lists.get(prefix)
    if (list !== undefined) {
      insertSorted(list, entry, compareExpressions)
      return
    }
    this.#lists.set(prefix, [entry])
    if (!this.#lengths.includes(prefix.length)) {
      insertSorted(this.#lengths, prefix.length, (left, right) => left - right)
    }
  }

  best(facts: RequestFacts, before: FoundExpression<R, S> | null): FoundExpression<R, S> | null {
    const { path, scheme } = facts.request
    let best = before
    for (const length of this.#lengths) {
      if (length > path.length) break
      for (const entry of this.#lists.get(path.slice(0, length)) ?? []) {
        if (best !== null && compareExpressions(best.entry, entry) <= 0) break
        facts.pathMatch = null
        if (!entry.allowsScheme(scheme) || !entry.expression.holds(facts)) continue
        best = { entry, pathMatch: facts.pathMatch }
        break
      }
    }
    return best
  }
}

function insertSorted<T>(list: T[], item: T, compare: (left: T, right: T) => number): void {
  let low = 0
  let high = list.length
  while (low < high) {
    const middle = (low + high) >>> 1
    if (compare(list[middle]!, item) <= 0) low = middle + 1
    else high = middle
  }
  list.splice(low, 0, item)
}
