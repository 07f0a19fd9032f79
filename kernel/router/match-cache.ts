import { LRUCache } from 'lru-cache'
import { isNamed } from './header-rule.ts'
import type { RouteMatch, RouterRequest } from './types.ts'

// A key holds the whole path: longer ones are looked up anew, so that 10,000 entries stay small.
const keyLengthMax = 512

/**
 * Remembers answers, also that there is none. Answers and misses are kept apart: a scan over paths
 * that do not exist pushes out no route.
 */
export class MatchCache<R, S> {
  readonly #found: LRUCache<string, RouteMatch<R, S>>
  readonly #missed: LRUCache<string, true>
  readonly #headerNames: readonly string[]

  /** `headerNames`: those that some route selects by, in lower case. */
  constructor(entriesMax: number, headerNames: readonly string[]) {
    this.#found = new LRUCache({ max: entriesMax })
    this.#missed = new LRUCache({ max: entriesMax })
    this.#headerNames = headerNames
  }

  /** Null when the request is better not remembered. */
  keyOf(request: RouterRequest): string | null {
    const { method, host, scheme, sni, path } = request
    if (path.length > keyLengthMax) return null
    let key = `${method}\n${host ?? ''}\n${scheme}\n${sni ?? ''}\n`
    for (const name of this.#headerNames) key += `${valuesOf(request.headers, name)}\n`
    if (key.length > keyLengthMax) return null
    // The path goes last: alone of all parts it may hold a line feed, once it is decoded.
    return key + path
  }

  /** Undefined: not known; null: known to have no route. */
  get(key: string): RouteMatch<R, S> | null | undefined {
    const found = this.#found.get(key)
    if (found !== undefined) return found
    return this.#missed.get(key) === true ? null : undefined
  }

  set(key: string, match: RouteMatch<R, S> | null): void {
    if (match === null) {
      this.#missed.set(key, true)
      return
    }
    // Made out now, it keeps nothing of the request.
    void match.matches
    this.#found.set(key, match)
  }
}

// The carriage return keeps `a` and `b` sent apart from one `a, b`; no value can hold one.
function valuesOf(headers: readonly string[], name: string): string {
  let values = ''
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (isNamed(headers[at] ?? '', name)) values += `${headers[at + 1] ?? ''}\r`
  }
  return values
}
