import type { Route, Service } from '../config/entities.ts'
import { ROUTE_MATCHERS } from '../config/route-protocols.ts'
import { createRouter, type Router } from '../router/router.ts'
import type { RouterRequest, RouterRoute } from '../router/types.ts'
import { RegexInputError } from '../safe-regex.ts'

/** A route that a request did not take. */
export interface RouteNotTaken {
  readonly route: { readonly id: string; readonly name: string | null }
  /** What did not fit, with what the route wants; empty when all did and another goes before it. */
  readonly failed: readonly {
    readonly attribute: string
    readonly wants: unknown
    readonly got: unknown
  }[]
  readonly reason: string
}

const ATTRIBUTES = [...ROUTE_MATCHERS, 'expression', 'vars'] as const
type Attribute = (typeof ATTRIBUTES)[number]

/** What of the request an attribute looks at. */
const GOT: Readonly<Record<Attribute, (request: RouterRequest) => unknown>> = {
  methods: ({ method }) => method,
  hosts: ({ host }) => host,
  headers: ({ headers }) => headers,
  paths: ({ path }) => path,
  snis: ({ sni }) => sni,
  sources: ({ srcIp, srcPort }) => `${srcIp ?? ''}:${srcPort}`,
  destinations: ({ dstIp, dstPort }) => `${dstIp ?? ''}:${dstPort}`,
  expression: ({ method, path }) => `${method} ${path}`,
  vars: ({ method, path }) => `${method} ${path}`,
}

/** More help nobody. */
const ROUTES_TOLD_MAX = 5
const NO_SERVICES: ReadonlyMap<string, Service> = new Map()

type OneRoute = Router<RouterRoute, Service>

/**
 * Tells why routes did not match: each attribute of a route is asked by a router that has only that
 * one, so that the answer is the router's own.
 */
export class WhyNot {
  readonly #routes: readonly Route[]
  readonly #parts = new Map<string, readonly { attribute: Attribute; router: OneRoute }[]>()

  constructor(routes: readonly Route[]) {
    this.#routes = routes
  }

  /** The nearest routes besides the one that was taken. */
  routes(request: RouterRequest, takenId: string | null): RouteNotTaken[] {
    const all = this.#routes
      .filter(({ id }) => id !== takenId)
      .map((route) => ({ route, failed: this.#failedOf(route, request) }))
      .toSorted(
        (a, b) =>
          a.failed.length - b.failed.length || attributesOf(b.route) - attributesOf(a.route),
      )
    return all.slice(0, ROUTES_TOLD_MAX).map(({ route, failed }) => ({
      route: { id: route.id, name: route.name },
      failed: failed.map((attribute) => ({
        attribute,
        wants: route[attribute],
        got: GOT[attribute](request),
      })),
      reason: reasonOf(failed, takenId !== null),
    }))
  }

  #failedOf(route: Route, request: RouterRequest): Attribute[] {
    return this.#partsOf(route)
      .filter(({ router }) => !matches(router, request))
      .map(({ attribute }) => attribute)
  }

  #partsOf(route: Route) {
    let parts = this.#parts.get(route.id)
    if (parts === undefined) {
      parts = ATTRIBUTES.filter((attribute) => isSet(route[attribute])).map((attribute) => ({
        attribute,
        router: createRouter([only(route, attribute)], NO_SERVICES, { cacheEntriesMax: 0 }),
      }))
      this.#parts.set(route.id, parts)
    }
    return parts
  }
}

/** What is too long for an attribute does not fit it; the gateway asks only routes that come near. */
function matches(router: OneRoute, request: RouterRequest): boolean {
  try {
    return router.match(request) !== null
  } catch (error) {
    if (error instanceof RegexInputError) return false
    throw error
  }
}

function only(route: Route, attribute: Attribute): RouterRoute {
  const { id, protocols } = route
  return { id, protocols, [attribute]: route[attribute], service: null }
}

const isSet = (value: unknown) =>
  value !== null &&
  value !== undefined &&
  !(typeof value === 'object' && Object.keys(value).length === 0)

const attributesOf = (route: Route) =>
  ATTRIBUTES.filter((attribute) => isSet(route[attribute])).length

function reasonOf(failed: readonly string[], isTaken: boolean): string {
  if (failed.length > 0) return `does not match by ${failed.join(', ')}`
  if (isTaken) return 'it matches as well, but the route that was taken goes before it'
  return 'its attributes match, but not its protocols'
}
