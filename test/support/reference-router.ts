import { BlockList, isIPv6 } from 'node:net'
import type { RouterAddress, RouterRequest, RouterRoute } from '../../kernel/router/types.ts'

/** What the reference says about a request. */
export interface ReferenceAnswer {
  readonly routeId: string
  readonly uri: string | null
  readonly host: string | null
}

/**
 * The router's rules written down a second time, plainly: every route is tried against every
 * request and the best is taken. Slow, and meant to be read beside the description of the rules.
 */
export function referenceMatch(
  routes: readonly RouterRoute[],
  request: RouterRequest,
): ReferenceAnswer | null {
  const isStream = isStreamScheme(request.scheme)
  const candidates = routes
    .flatMap((route) => splitByPath(route))
    .map((split, position) => ({ ...split, position }))
    .filter(({ route }) => {
      const protocols = route.protocols ?? []
      return protocols.length === 0 || protocols.some((name) => isStreamScheme(name) === isStream)
    })
    .filter((candidate) => countedAttributes(candidate.route, request).length > 0)
    .filter((candidate) => isMatch(candidate, request))
    .sort((left, right) => compareKeys(keyOf(left, request), keyOf(right, request)))
  const [best] = candidates
  if (best === undefined) return null
  return {
    routeId: best.route.id,
    uri: best.path?.replace(/^~/, '') ?? null,
    host: matchedHost(best.route, request),
  }
}

interface Candidate {
  readonly route: RouterRoute
  readonly path: string | null
  readonly position: number
}

function splitByPath(route: RouterRoute): { route: RouterRoute; path: string | null }[] {
  if (isUnset(route.paths)) return [{ route, path: null }]
  return (route.paths ?? []).map((path) => ({ route, path }))
}

// The lower key goes first; each element is compared only when those before it are equal.
function keyOf({ route, path, position }: Candidate, request: RouterRequest): number[] {
  const attributes = countedAttributes(route, request)
  const hosts = route.hosts ?? []
  const wildcards = hosts.filter((host) => host.includes('*'))
  const isRegex = path?.startsWith('~') === true
  return [
    -attributes.length,
    -attributes.reduce((sum, [, bit]) => sum + bit, 0),
    ignoresSni(request) && !isUnset(route.snis) ? 1 : 0,
    hosts.some((host) => !host.includes('*') && isWritten(host, request)) ? 0 : 1,
    wildcards.some((host) => /:\d+$/.test(host)) ? 0 : 1,
    hosts.length > 0 && wildcards.length === 0 ? 0 : 1,
    isRegex ? 0 : 1,
    -headerNames(route).length,
    isRegex ? -(route.regex_priority ?? 0) : 0,
    isRegex ? 0 : -(path?.length ?? 0),
    -(rankOf(route.sources ?? []) + rankOf(route.destinations ?? [])),
    route.created_at ?? 0,
    position,
  ]
}

function compareKeys(left: readonly number[], right: readonly number[]): number {
  const at = left.findIndex((value, index) => value !== right[index])
  return at === -1 ? 0 : (left[at] ?? 0) - (right[at] ?? 0)
}

function countedAttributes(route: RouterRoute, request: RouterRequest): [string, number][] {
  const attributes: [string, number, boolean][] = [
    ['host', 64, !isUnset(route.hosts)],
    ['header', 32, headerNames(route).length > 0],
    ['uri', 16, !isUnset(route.paths)],
    ['method', 8, !isUnset(route.methods)],
    ['sni', 4, !isUnset(route.snis) && !ignoresSni(request)],
    ['src', 2, !isUnset(route.sources)],
    ['dst', 1, !isUnset(route.destinations)],
  ]
  return attributes.filter(([, , isSet]) => isSet).map(([name, bit]) => [name, bit])
}

function isMatch({ route, path }: Candidate, request: RouterRequest): boolean {
  const { methods, snis } = route
  const sni = request.sni?.toLowerCase().replace(/\.$/, '')
  return (
    (isUnset(route.hosts) || matchedHost(route, request) !== null) &&
    (path === null || isPathMatch(path, request.path)) &&
    (isUnset(methods) || methods?.includes(request.method) === true) &&
    (isUnset(snis) || ignoresSni(request) || snis?.some((name) => name === sni) === true) &&
    headerNames(route).every((name) => isHeaderMatch(route, name, request)) &&
    isAddressMatch(route.sources ?? [], request.srcIp, request.srcPort) &&
    isAddressMatch(route.destinations ?? [], request.dstIp, request.dstPort)
  )
}

function isPathMatch(path: string, requested: string): boolean {
  if (!path.startsWith('~')) return requested.startsWith(path)
  return new RegExp(`^(?:${path.slice(1)})`).test(requested)
}

// The host with its written port, then any plain host, then wildcards in their order.
function matchedHost(route: RouterRoute, request: RouterRequest): string | null {
  if (request.host === null || isUnset(route.hosts)) return null
  const { name, port } = hostOf(request)
  const hosts = route.hosts ?? []
  const plain = hosts.filter((host) => !host.includes('*'))
  return (
    plain.find((host) => isWritten(host, request)) ??
    plain.find((host) => host.toLowerCase() === name) ??
    hosts.find((host) => {
      if (!host.includes('*')) return false
      const pattern = host.toLowerCase().replaceAll('.', '\\.').replaceAll('*', '.+')
      const rest = /:\d+$/.test(host) ? '' : ':\\d+'
      return new RegExp(`^${pattern}${rest}$`).test(`${name}:${port}`)
    }) ??
    null
  )
}

function isWritten(host: string, request: RouterRequest): boolean {
  return host.toLowerCase() === request.host?.toLowerCase()
}

function hostOf(request: RouterRequest): { name: string; port: string } {
  const [name = '', port] = (request.host ?? '').toLowerCase().split(':')
  return { name, port: port ?? (request.scheme === 'https' ? '443' : '80') }
}

function headerNames(route: RouterRoute): string[] {
  return Object.keys(route.headers ?? {}).filter((name) => name !== 'host')
}

function isHeaderMatch(route: RouterRoute, name: string, request: RouterRequest): boolean {
  const wanted = route.headers?.[name] ?? []
  return request.headers.some((received, index) => {
    if (index % 2 === 1 || received.toLowerCase() !== name.toLowerCase()) return false
    const value = request.headers[index + 1]?.toLowerCase() ?? ''
    if (wanted.some((one) => one.toLowerCase() === value)) return true
    const [only = ''] = wanted
    return wanted.length === 1 && only.startsWith('~*') && new RegExp(only.slice(2)).test(value)
  })
}

function isAddressMatch(rules: readonly RouterAddress[], ip: string | null, port: number): boolean {
  if (rules.length === 0) return true
  return rules.some((rule) => {
    const wantedIp = rule.ip ?? null
    const ipHolds = wantedIp === null || (ip !== null && isInside(wantedIp, ip))
    return ipHolds && (rule.port ?? port) === port
  })
}

function isInside(range: string, ip: string): boolean {
  const [network = '', bits] = range.split('/')
  if (bits === undefined) return network === ip
  const list = new BlockList()
  list.addSubnet(network, Number(bits), isIPv6(network) ? 'ipv6' : 'ipv4')
  return list.check(ip, isIPv6(ip) ? 'ipv6' : 'ipv4')
}

function rankOf(rules: readonly RouterAddress[]): number {
  const ranks = rules.map((rule) => {
    const ip = rule.ip ?? null
    const hasPort = (rule.port ?? null) !== null
    if (ip === null) return hasPort ? 1 : 0
    if (ip.includes('/')) return hasPort ? 2 : 0
    return hasPort ? 4 : 3
  })
  return Math.max(0, ...ranks)
}

function ignoresSni({ scheme }: RouterRequest): boolean {
  return scheme === 'http' || scheme === 'grpc'
}

function isStreamScheme(name: string): boolean {
  return ['tcp', 'tls', 'udp', 'tls_passthrough'].includes(name)
}

function isUnset(values: readonly unknown[] | null | undefined): boolean {
  return (values ?? []).length === 0
}
