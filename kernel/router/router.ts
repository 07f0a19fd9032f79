import { TimeSlices } from '../time-slices.ts'
import { MatchCache } from './match-cache.ts'
import { RouteIndex } from './route-index.ts'
import type { RouteMatch, RouterRequest, RouterRoute, RouterService } from './types.ts'

export interface RouterOptions {
  /** Answers remembered, and as many misses, when a route has a regex path; 0 for none. */
  readonly cacheEntriesMax?: number
}

// Enough for the hot paths of a large site at about 1 KB each.
const cacheEntriesMaxDefault = 10_000

/**
 * Finds the route of a request, with the semantics of Kong's `traditional` router. Immutable; built
 * by `createRouter` or `buildRouter`.
 */
export class Router<R extends RouterRoute, S extends RouterService> {
  readonly #index: RouteIndex<R, S>
  readonly #cache: MatchCache<R, S> | null

  constructor(index: RouteIndex<R, S>, options: RouterOptions) {
    this.#index = index
    const entriesMax = options.cacheEntriesMax ?? cacheEntriesMaxDefault
    // Looking up a host and a prefix costs no more than building a key and asking the cache; a
    // regex does. Addresses are nearly as many as requests: remembering them never pays.
    const isCached = entriesMax > 0 && index.usesRegexes && !index.usesAddresses
    this.#cache = isCached ? new MatchCache(entriesMax, [...index.headerNames]) : null
  }

  match(request: RouterRequest): RouteMatch<R, S> | null {
    const key = this.#cache?.keyOf(request) ?? null
    if (this.#cache === null || key === null) return this.#index.find(request)
    const known = this.#cache.get(key)
    if (known !== undefined) return known
    const facts = this.#index.factsOf(request)
    const match = this.#index.find(request, facts)
    // The key does not hold what an expression has read: the next request may differ in it.
    if (facts?.readsBeyondKey !== true) this.#cache.set(key, match)
    return match
  }
}

/** Builds a router in one go. Throws `UnsafeRegexError` for a path or header that is refused. */
export function createRouter<R extends RouterRoute, S extends RouterService>(
  routes: readonly R[],
  services: ReadonlyMap<string, S>,
  options: RouterOptions = {},
): Router<R, S> {
  const index = new RouteIndex<R, S>()
  for (const _ of index.build(routes, services));
  return new Router(index, options)
}

/** Builds a router in slices, so that the event loop serves requests meanwhile. */
export async function buildRouter<R extends RouterRoute, S extends RouterService>(
  routes: readonly R[],
  services: ReadonlyMap<string, S>,
  options: RouterOptions = {},
): Promise<Router<R, S>> {
  const index = new RouteIndex<R, S>()
  await new TimeSlices().over(index.build(routes, services), () => {})
  return new Router(index, options)
}
