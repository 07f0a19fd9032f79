import { isIP } from 'node:net'
import { compileSafeRegex } from '../safe-regex.ts'
import { quote } from './config-error.ts'
import {
  conditionIssues,
  expressionIssues,
  fieldsTogether,
  togetherIssues,
  varsIssues,
} from './expression-rules.ts'
import type {
  CollectionName,
  Consumer,
  PluginInstance,
  Route,
  Service,
  Upstream,
} from './entities.ts'
import { ROUTE_MATCHERS, routeProtocolIssues } from './route-protocols.ts'
import { normaliseRoutePath } from './uri-migration.ts'
import type { Issue } from './validate.ts'

/**
 * What a schema cannot say: rules about several fields, and the forms of paths, hostnames and
 * addresses. A rule runs when the schema found nothing wrong with the fields it reads.
 */
export interface EntityRule {
  readonly fields: readonly string[]
  readonly check: (value: never) => Issue[]
}

const routeRules: EntityRule[] = [
  rule(fieldsTogether, togetherIssues),
  rule(['paths'], ({ paths }: Route) => each('paths', paths, pathProblem)),
  rule(['hosts'], ({ hosts }: Route) => each('hosts', hosts, hostProblem)),
  rule(['snis'], ({ snis }: Route) => each('snis', snis, sniProblem)),
  rule(['headers'], ({ headers }: Route) => headerIssues(headers)),
  rule(['sources'], ({ sources }: Route) => addressIssues('sources', sources)),
  rule(['destinations'], ({ destinations }: Route) => addressIssues('destinations', destinations)),
  rule(['protocols', 'expression', ...ROUTE_MATCHERS], routeProtocolIssues),
  rule(['expression'], expressionIssues),
  rule(['vars'], varsIssues),
]

const serviceRules: EntityRule[] = [
  rule(['path'], ({ path }: Service) => {
    if (path === null) return []
    if (unprintable.test(path)) return [{ path: ['path'], message: unprintableMessage(path) }]
    const message = `must not have an empty segment, a query or a fragment, got ${quote(path)}`
    return /\/\/|[?#]/.test(path) ? [{ path: ['path'], message }] : []
  }),
]

const upstreamRules: EntityRule[] = [
  rule(['name'], ({ name }: Upstream) =>
    isIP(name) === 0
      ? []
      : [{ path: ['name'], message: `must not be an IP address, got ${quote(name)}` }],
  ),
]

const consumerRules: EntityRule[] = [
  rule(['username', 'custom_id'], ({ username, custom_id }: Consumer) =>
    username === null && custom_id === null
      ? [{ path: [], message: 'must have a username, a custom_id or both' }]
      : [],
  ),
]

const pluginRules: EntityRule[] = [
  rule(['consumer', 'consumer_group'], ({ consumer, consumer_group }: PluginInstance) =>
    consumer !== null && consumer_group !== null
      ? [{ path: ['consumer_group'], message: 'cannot be given together with consumer' }]
      : [],
  ),
  rule(['condition'], conditionIssues),
]

export const entityRules: Readonly<
  Partial<Record<CollectionName | 'plugin_sets', readonly EntityRule[]>>
> = {
  services: serviceRules,
  routes: routeRules,
  upstreams: upstreamRules,
  consumers: consumerRules,
  plugins: pluginRules,
  global_plugins: [rule(['condition'], conditionIssues)],
}

function rule<Value>(fields: readonly string[], check: (value: Value) => Issue[]): EntityRule {
  return { fields, check }
}

function each(
  field: string,
  values: readonly string[] | null,
  problem: (value: string) => string | null,
): Issue[] {
  return (values ?? []).flatMap((value, index) => {
    const message = problem(value)
    return message === null ? [] : [{ path: [field, index], message }]
  })
}

// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const unprintable = /[\0-\x1f\x7f]/
const unprintableMessage = (value: string) =>
  `must not hold control characters, got ${quote(value)}`

function pathProblem(path: string): string | null {
  if (unprintable.test(path)) return unprintableMessage(path)
  if (path.startsWith('~')) return regexProblem(path.slice(1), path)
  if (!path.startsWith('/')) return `must start with "/" or "~", got ${quote(path)}`
  if (/[?#]/.test(path)) return `must not have a query or a fragment, got ${quote(path)}`
  const normal = normaliseRoutePath(path)
  if (normal === path) return null
  return `is not normalised and would never match: write ${quote(normal)}, got ${quote(path)}`
}

function regexProblem(source: string, written: string): string | null {
  if (source === '') return `must have a regular expression after "~", got ${quote(written)}`
  try {
    compileSafeRegex(source)
    return null
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return `must be a regular expression that runs in linear time, got ${quote(written)}: ${reason}`
  }
}

const label = /^[a-z0-9_]([a-z0-9_-]*[a-z0-9_])?$/i

/** `example.com`, `*.example.com`, `example.*`, each with or without a port; an IP address. */
function hostProblem(host: string): string | null {
  const wanted = `must be a hostname, with "*" only as its first or last label, got ${quote(host)}`
  if (isIP(host) !== 0) return null
  const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::([0-9]{1,5}))?$/.exec(host)
  const port = match?.[3]
  if (match === null || (port !== undefined && Number(port) > 65_535)) return wanted
  if (match[1] !== undefined) return isIP(match[1]) === 6 ? null : wanted
  return isWildcardName(match[2] ?? '') ? null : wanted
}

function sniProblem(sni: string): string | null {
  const wanted = `must be a hostname, with "*" only as its first or last label, got ${quote(sni)}`
  return isWildcardName(sni.replace(/\.$/, '')) ? null : wanted
}

function isWildcardName(name: string): boolean {
  const labels = name.split('.')
  const stars = labels.filter((part) => part === '*').length
  if (name.length > 255 || stars > 1 || (stars === 1 && labels.length === 1)) return false
  const inside = labels.slice(1, -1)
  return !inside.includes('*') && labels.every((part) => part === '*' || label.test(part))
}

const token = /^[A-Za-z0-9!#$%&'*+.^_`|~-]+$/

function headerIssues(headers: Route['headers']): Issue[] {
  return Object.entries(headers ?? {}).flatMap(([name, values]) => {
    const path = ['headers', name]
    if (name.toLowerCase() === 'host') return [{ path, message: 'is what hosts is for' }]
    if (!token.test(name)) return [{ path, message: 'is no valid name of a header' }]
    // Only a value that stands alone is a regular expression.
    const [value] = values
    if (values.length > 1 || value === undefined || !value.startsWith('~*')) return []
    const message = regexProblem(value.slice(2), value)
    return message === null ? [] : [{ path: [...path, 0], message }]
  })
}

function addressIssues(field: string, addresses: Route['sources']): Issue[] {
  return (addresses ?? []).flatMap(({ ip, port }, index) => {
    const path = [field, index]
    if (ip === null && port === null) return [{ path, message: 'must have an ip, a port or both' }]
    if (ip === null || isAddressBlock(ip)) return []
    const message = `must be an IP address or a block like "10.0.0.0/8", got ${quote(ip)}`
    return [{ path: [...path, 'ip'], message }]
  })
}

function isAddressBlock(text: string): boolean {
  const [address = '', bits, ...more] = text.split('/')
  const version = isIP(address)
  if (version === 0 || more.length > 0) return false
  if (bits === undefined) return true
  return /^[0-9]{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128)
}
