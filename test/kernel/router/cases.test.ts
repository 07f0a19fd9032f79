import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { createRouter } from '../../../kernel/router/router.ts'
import type {
  RouteMatches,
  RouterRequest,
  RouterRoute,
  RouterService,
} from '../../../kernel/router/types.ts'
import { cutQuery, escapePath, normalisePath } from '../../../kernel/router/uri.ts'

interface RecordedRequest {
  readonly api: 'exec' | 'select'
  readonly method?: string
  readonly path?: string
  readonly host?: string
  readonly scheme?: string
  readonly headers?: Readonly<Record<string, string | readonly string[]>>
  readonly sni?: string
  readonly src_ip?: string
  readonly src_port?: number
  readonly dst_ip?: string
  readonly dst_port?: number
  readonly expect: {
    readonly route_id: string | null
    readonly upstream_uri?: string
    readonly upstream_host?: string
    readonly prefix?: string
    readonly matches?: Readonly<Record<string, unknown>>
  }
}

type RecordedRoute = Omit<RouterRoute, 'service'> & {
  readonly service: Omit<RouterService, 'id'> | null
}

interface RecordedCase {
  readonly name: string
  readonly routes: readonly RecordedRoute[]
  readonly requests: readonly RecordedRequest[]
}

const cases: readonly RecordedCase[] = JSON.parse(
  readFileSync(new URL('../../cases/router.json', import.meta.url), 'utf8'),
)

describe('router on recorded cases', () => {
  it('has them', () => expect(cases.length).toBeGreaterThan(300))
  for (const recorded of cases) {
    for (const [index, request] of recorded.requests.entries()) {
      it(`${recorded.name} (${index + 1})`, () => expectRecorded(recorded, request))
    }
  }
})

function expectRecorded(recorded: RecordedCase, request: RecordedRequest): void {
  const { routes, services } = toRoutes(recorded)
  const router = createRouter(routes, services)
  const toFind = toRequest(request)
  const match = router.match(toFind)
  const expected = request.expect
  expect(match?.route.id ?? null).toBe(expected.route_id)
  // The second answer comes from the cache.
  expect(router.match(toFind)).toEqual(match)
  if (match === null) return
  expect(recordedMatches(match.matches)).toEqual(expected.matches ?? {})
  expect(match.prefix ?? undefined).toBe(expected.prefix)
  expect(match.upstreamHost ?? undefined).toBe(expected.upstream_host)
  expect(match.upstreamPath).toBe(escapePath(expected.upstream_uri ?? ''))
}

function toRoutes({ routes }: RecordedCase) {
  const services = new Map<string, RouterService>()
  const linked = routes.map(({ service, ...route }): RouterRoute => {
    const id = `service of ${route.id}`
    if (service !== null) services.set(id, { ...service, id })
    return { ...withoutEmptyTables(route), service: service === null ? null : { id } }
  })
  return { routes: linked, services }
}

// An empty list of the recorder's language cannot be told from an empty object.
function withoutEmptyTables<T extends object>(route: T): T {
  const isEmpty = (value: unknown) =>
    typeof value === 'object' && value !== null && Object.keys(value).length === 0
  return Object.fromEntries(Object.entries(route).filter(([, value]) => !isEmpty(value))) as T
}

function toRequest(recorded: RecordedRequest): RouterRequest {
  const target = recorded.path ?? ''
  return {
    method: recorded.method ?? '',
    path: recorded.api === 'exec' ? normalisePath(cutQuery(target)) : target,
    query: '',
    host: recorded.host ?? null,
    scheme: recorded.scheme ?? 'http',
    headers: toFlatHeaders(recorded.headers ?? {}),
    sni: recorded.sni ?? null,
    srcIp: recorded.src_ip ?? null,
    srcPort: recorded.src_port ?? 0,
    dstIp: recorded.dst_ip ?? null,
    dstPort: recorded.dst_port ?? 0,
  }
}

function toFlatHeaders(headers: NonNullable<RecordedRequest['headers']>): string[] {
  return Object.entries(headers).flatMap(([name, values]) =>
    [values].flat().flatMap((value) => [name, value]),
  )
}

function recordedMatches(matches: RouteMatches): Readonly<Record<string, unknown>> {
  const { positional, named } = matches.uriCaptures ?? { positional: [], named: {} }
  const recorded = {
    host: matches.host,
    uri: matches.uri,
    uri_captures: matches.uriCaptures === null ? null : Object.assign({}, positional, named),
    method: matches.method,
    headers: matches.headers === null ? null : { ...matches.headers },
    sni: matches.sni,
    src_ip: matches.srcIp,
    src_port: matches.srcPort,
    dst_ip: matches.dstIp,
    dst_port: matches.dstPort,
  }
  return Object.fromEntries(Object.entries(recorded).filter(([, value]) => value !== null))
}
