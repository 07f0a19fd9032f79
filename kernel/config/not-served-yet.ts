import type { CollectionName } from './entities.ts'

/**
 * Fields of Kong's files, and of ours, that nothing serves yet. A file that uses one is refused:
 * it must not look as if it worked. Whoever builds the feature deletes its row.
 */
export interface NotServedYet {
  readonly entity: CollectionName | 'plugin_sets' | 'file'
  /** Dots lead into objects. */
  readonly field: string
  /** Whether this value asks for the feature; the field's default never does. */
  readonly asks: (value: unknown) => boolean
  /** Follows the field's name in the error. */
  readonly sentence: string
  /** The router knows it: it can be explained, though nothing serves it. */
  readonly isRouted?: true
}

const isSet = (value: unknown) => value !== null && value !== undefined
const isTrue = (value: unknown) => value === true
const isNotEmpty = (value: unknown) =>
  typeof value === 'object' && value !== null && Object.keys(value).length > 0
const isPositive = (value: unknown) => typeof value === 'number' && value > 0
const isOtherThan = (served: string, known: readonly string[]) => (value: unknown) =>
  typeof value === 'string' && value !== served && known.includes(value)

const otherProtocols = ['tcp', 'tls', 'tls_passthrough', 'udp', 'ws', 'wss']
const otherAlgorithms = ['consistent-hashing', 'least-connections', 'latency']
const otherHashSources = ['consumer', 'ip', 'header', 'cookie', 'path', 'query_arg', 'uri_capture']

const isOtherProtocol = (value: unknown) => otherProtocols.includes(value as string)
const hasOtherProtocol = (value: unknown) => Array.isArray(value) && value.some(isOtherProtocol)

const noStreams = 'streams and WebSocket protocols are not served yet'

const fileCollections = [
  'certificates',
  'snis',
  'ca_certificates',
  'vaults',
  'keys',
  'key_sets',
  'filter_chains',
]
const credentialCollections = [
  'acls',
  'basicauth_credentials',
  'hmacauth_credentials',
  'jwt_secrets',
  'mtls_auth_credentials',
  'oauth2_credentials',
]

const passiveCounters = ['http_failures', 'tcp_failures', 'timeouts']

export const notServedYet: readonly NotServedYet[] = [
  ...[...fileCollections, ...credentialCollections].map((field) =>
    row('file', field, isNotEmpty, 'this collection is not served yet'),
  ),
  ...credentialCollections.map((field) =>
    row('consumers', field, isNotEmpty, 'this kind of credential is not served yet'),
  ),
  { ...row('services', 'protocol', isOtherProtocol, noStreams), isRouted: true },
  row('services', 'client_certificate', isSet, 'client certificates are not served yet'),
  row('services', 'tls_verify', isSet, 'a verification of its own is not served yet'),
  row('services', 'tls_verify_depth', isSet, 'a verification of its own is not served yet'),
  row('services', 'ca_certificates', isNotEmpty, 'CA certificates are not served yet'),
  { ...row('routes', 'protocols', hasOtherProtocol, noStreams), isRouted: true },
  row(
    'upstreams',
    'algorithm',
    isOtherThan('round-robin', otherAlgorithms),
    'only "round-robin" is served yet',
  ),
  ...['hash_on', 'hash_fallback'].map((field) =>
    row('upstreams', field, isOtherThan('none', otherHashSources), 'hashing is not served yet'),
  ),
  row('upstreams', 'client_certificate', isSet, 'client certificates are not served yet'),
  row('upstreams', 'use_srv_name', isTrue, 'SRV records are not served yet'),
  row('upstreams', 'healthchecks.threshold', isPositive, 'health checks are not served yet'),
  ...['healthy', 'unhealthy'].map((kind) =>
    row(
      'upstreams',
      `healthchecks.active.${kind}.interval`,
      isPositive,
      'active health checks are not served yet',
    ),
  ),
  ...passiveCounters.map((counter) =>
    row(
      'upstreams',
      `healthchecks.passive.unhealthy.${counter}`,
      isPositive,
      'passive health checks are not served yet',
    ),
  ),
  row('keyauth_credentials', 'ttl', isSet, 'credentials that expire are not served yet'),
]

function row(
  entity: NotServedYet['entity'],
  field: string,
  asks: NotServedYet['asks'],
  sentence: string,
): NotServedYet {
  return { entity, field, asks, sentence }
}
