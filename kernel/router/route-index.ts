import { RequestFacts } from '../expressions/request-facts.ts'
import { compileSafeRegex } from '../safe-regex.ts'
import type { SafeRegex } from '../safe-regex.ts'
import { Category, orderCategories } from './category.ts'
import { EntryGroup } from './entry-group.ts'
import { groupedFrom, sortEntries } from './entry-list.ts'
import type { BuildEvents, EntryHolder } from './entry-list.ts'
import type { ExpressionEntry } from './expression-entry.ts'
import { toExpressionEntry } from './expression-entry.ts'
import { ExpressionIndex } from './expression-index.ts'
import { toExpressionMatch } from './expression-match.ts'
import { toRequestHost } from './host-rule.ts'
import { toEntries } from './route-entry.ts'
import type { RouteEntry, RouteSearch } from './route-entry.ts'
import { toRouteMatch } from './route-match.ts'
import type { RouteMatch, RouterRequest, RouterRoute, RouterService } from './types.ts'

const streamProtocols: ReadonlySet<string> = new Set(['tcp', 'tls', 'udp', 'tls_passthrough'])

/** All routes by category, host and path. Filled once by `build`, then only read. */
export class RouteIndex<R extends RouterRoute, S extends RouterService> implements BuildEvents<
  R,
  S
> {
  readonly headerNames = new Set<string>()
  usesAddresses = false
  usesRegexes = false
  readonly #expressions = new ExpressionIndex<R, S>()
  #usesVars = false
  readonly #disordered = new Set<RouteEntry<R, S>[]>()
  readonly #many = new Set<EntryHolder<R, S>>()
  readonly #http = new Map<number, Category<R, S>>()
  readonly #stream = new Map<number, Category<R, S>>()
  #orderHttp: readonly Category<R, S>[] = []
  #orderPlainHttp: readonly Category<R, S>[] = []
  #orderStream: readonly Category<R, S>[] = []

  /** What expressions and `vars` ask of a request; null when there are none. */
  factsOf(request: RouterRequest): RequestFacts | null {
    return this.#usesVars || !this.#expressions.isEmpty ? new RequestFacts(request) : null
  }

  find(request: RouterRequest, facts = this.factsOf(request)): RouteMatch<R, S> | null {
    const found = facts === null ? null : this.#expressions.find(facts)
    if (found !== null) return toExpressionMatch(found, request)
    const ignoresSni = request.scheme === 'http' || request.scheme === 'grpc'
    const host = toRequestHost(request.host, request.scheme)
    const search: RouteSearch = { request, host, ignoresSni, facts, regex: null, found: null }
    for (const category of this.#orderFor(request.scheme, ignoresSni)) {
      const entry = category.find(search)
      if (entry !== null) return toRouteMatch(entry, search)
    }
    return null
  }

  #orderFor(scheme: string, ignoresSni: boolean): readonly Category<R, S>[] {
    if (streamProtocols.has(scheme)) return this.#orderStream
    return ignoresSni ? this.#orderPlainHttp : this.#orderHttp
  }

  /** Does the whole work; each step between two yields is short. */
  *build(routes: readonly R[], services: ReadonlyMap<string, S>): Generator<void> {
    const regexes = new Map<string, SafeRegex>()
    for (const [position, route] of routes.entries()) {
      const serviceId = route.service?.id
      const service = serviceId === undefined ? null : (services.get(serviceId) ?? null)
      if (typeof route.expression === 'string') {
        this.#addExpression(toExpressionEntry({ route, service, expression: route.expression }))
        yield
        continue
      }
      const compilePath = (pattern: string) => compileOnce(regexes, pattern)
      for (const entry of toEntries({ route, service, position, compilePath })) this.#add(entry)
      yield
    }
    for (const entries of this.#disordered) yield* sortEntries(entries)
    this.#disordered.clear()
    for (const holder of this.#many) yield* divide(holder)
    this.#many.clear()
    this.#orderHttp = orderCategories(this.#http.values(), false)
    this.#orderPlainHttp = orderCategories(this.#http.values(), true)
    this.#orderStream = orderCategories(this.#stream.values(), false)
  }

  onDisorder(entries: RouteEntry<R, S>[]): void {
    this.#disordered.add(entries)
  }

  onMany(holder: EntryHolder<R, S>): void {
    this.#many.add(holder)
  }

  #addExpression(entry: ExpressionEntry<R, S>): void {
    if (entry.expression.usesRegexes) this.usesRegexes = true
    this.#expressions.add(entry)
  }

  #add(entry: RouteEntry<R, S>): void {
    if (entry.vars !== null) this.#usesVars = true
    if (entry.vars?.usesRegexes === true) this.usesRegexes = true
    for (const rule of entry.headers ?? []) this.headerNames.add(rule.name)
    if (entry.regex !== null) this.usesRegexes = true
    if (entry.sources !== null || entry.destinations !== null) this.usesAddresses = true
    const protocols = entry.route.protocols ?? []
    // A route that does not say belongs to both.
    const isOpen = protocols.length === 0
    if (isOpen || protocols.some((name) => streamProtocols.has(name))) {
      this.#categoryOf(this.#stream, entry).add(entry)
    }
    if (isOpen || protocols.some((name) => !streamProtocols.has(name))) {
      this.#categoryOf(this.#http, entry).add(entry)
    }
  }

  #categoryOf(categories: Map<number, Category<R, S>>, entry: RouteEntry<R, S>): Category<R, S> {
    let category = categories.get(entry.attributes)
    if (category === undefined) {
      category = new Category<R, S>(entry.attributes, this)
      categories.set(entry.attributes, category)
    }
    return category
  }
}

function* divide<R, S>(holder: EntryHolder<R, S>): Generator<void> {
  // It may have been moved since it was told of.
  if (holder.entries === null || holder.entries.length <= groupedFrom) return
  const group = new EntryGroup(holder.entries)
  yield* group.divide()
  holder.group = group
}

// A path matches from its start on. Many routes share one pattern, and compiling is dear.
function compileOnce(regexes: Map<string, SafeRegex>, pattern: string): SafeRegex {
  let regex = regexes.get(pattern)
  if (regex === undefined) {
    regex = compileSafeRegex(`^(?:${pattern})`)
    regexes.set(pattern, regex)
  }
  return regex
}
