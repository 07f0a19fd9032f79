import { Type, type Static, type TSchema } from '@sallyport/sdk'
import {
  addresses,
  enumOf,
  flag,
  hostname,
  identity,
  integer,
  listOf,
  name,
  nullable,
  objectOf,
  ordering,
  reference,
  text,
  timeoutMs,
  uuid,
} from './fields.ts'
import { healthchecks } from './healthchecks.ts'

/**
 * One schema per entity: the source of the types, of validation and of the defaults. What they
 * describe is the normalised entity: every field is there, what is not set is null, a reference is
 * `{ id }`. Field names, defaults and limits are Kong's.
 */

const protocols = [
  'http',
  'https',
  'grpc',
  'grpcs',
  'tcp',
  'tls',
  'tls_passthrough',
  'udp',
  'ws',
  'wss',
] as const

const hashSources = [
  'none',
  'consumer',
  'ip',
  'header',
  'cookie',
  'path',
  'query_arg',
  'uri_capture',
] as const

const timeoutDefault = { default: 60_000 }

const service = objectOf({
  ...identity(),
  name: nullable(name()),
  protocol: enumOf(protocols, { default: 'http' }),
  host: hostname(),
  port: integer(0, 65_535, { default: 80 }),
  path: nullable(Type.String({ pattern: '^/', wanted: 'a path that starts with "/"' })),
  retries: integer(0, 32_767, { default: 5 }),
  connect_timeout: timeoutMs(timeoutDefault),
  write_timeout: timeoutMs(timeoutDefault),
  read_timeout: timeoutMs(timeoutDefault),
  client_certificate: nullable(reference()),
  tls_verify: nullable(Type.Boolean()),
  tls_verify_depth: nullable(integer(0, 64)),
  ca_certificates: nullable(listOf(uuid())),
  enabled: flag(true),
  tenant: nullable(name()),
})

const route = objectOf({
  ...identity(),
  name: nullable(name()),
  protocols: listOf(enumOf(protocols), {
    minItems: 1,
    uniqueItems: true,
    default: ['http', 'https'],
  }),
  methods: nullable(
    listOf(Type.String({ pattern: '^[A-Z][A-Z-]*$', wanted: 'a method in upper case, like GET' }), {
      uniqueItems: true,
    }),
  ),
  hosts: nullable(listOf(text())),
  paths: nullable(listOf(text())),
  headers: nullable(Type.Record(Type.String(), listOf(Type.String(), { minItems: 1 }))),
  snis: nullable(listOf(text())),
  sources: addresses(),
  destinations: addresses(),
  regex_priority: integer(-(2 ** 31), 2 ** 31 - 1, { default: 0 }),
  path_handling: enumOf(['v0', 'v1'], { default: 'v0' }),
  strip_path: flag(true),
  preserve_host: flag(false),
  https_redirect_status_code: enumOf([426, 301, 302, 307, 308], { default: 426 }),
  request_buffering: flag(true),
  response_buffering: flag(true),
  service: nullable(reference()),
  vars: nullable(listOf(Type.Unknown())),
  expression: nullable(Type.String({ minLength: 1 })),
  priority: nullable(integer(0, 2 ** 46 - 1)),
  plugin_set: nullable(name()),
  tenant: nullable(name()),
})

const upstream = objectOf({
  ...identity(),
  name: Type.String({
    minLength: 1,
    maxLength: 255,
    pattern: '^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_])?$',
    wanted: 'a name in the form of a hostname',
  }),
  algorithm: enumOf(['round-robin', 'consistent-hashing', 'least-connections', 'latency'], {
    default: 'round-robin',
  }),
  hash_on: enumOf(hashSources, { default: 'none' }),
  hash_fallback: enumOf(hashSources, { default: 'none' }),
  hash_on_header: nullable(text()),
  hash_fallback_header: nullable(text()),
  hash_on_cookie: nullable(text()),
  hash_on_cookie_path: Type.String({
    pattern: '^/',
    wanted: 'a path that starts with "/"',
    default: '/',
  }),
  hash_on_query_arg: nullable(text()),
  hash_fallback_query_arg: nullable(text()),
  hash_on_uri_capture: nullable(text()),
  hash_fallback_uri_capture: nullable(text()),
  slots: integer(10, 65_536, { default: 10_000 }),
  host_header: nullable(hostname()),
  healthchecks: healthchecks(),
  client_certificate: nullable(reference()),
  use_srv_name: flag(false),
})

/** `target` is `hostname:port` once it is normalised. */
const target = objectOf({
  ...identity(),
  target: text(),
  weight: integer(0, 65_535, { default: 100 }),
  upstream: reference(),
})

/** `groups` are the ids of the consumer's groups, in the order of the file. */
const consumer = objectOf({
  ...identity(),
  username: nullable(text()),
  custom_id: nullable(text()),
  groups: listOf(uuid(), { uniqueItems: true, default: [] }),
})

const consumerGroup = objectOf({ ...identity(), name: name() })

const pluginInstance = objectOf({
  ...identity(),
  name: text(),
  instance_name: nullable(name()),
  config: Type.Record(Type.String(), Type.Unknown(), { default: {} }),
  route: nullable(reference()),
  service: nullable(reference()),
  consumer: nullable(reference()),
  consumer_group: nullable(reference()),
  protocols: listOf(enumOf(protocols), {
    minItems: 1,
    uniqueItems: true,
    default: ['grpc', 'grpcs', 'http', 'https'],
  }),
  enabled: flag(true),
  on_error: enumOf(['fail', 'skip'], { default: 'fail' }),
  ordering: ordering(),
  condition: nullable(Type.String({ minLength: 1 })),
  timeout_ms: nullable(timeoutMs()),
  tenant: nullable(name()),
})

const tenant = objectOf({
  ...identity(),
  name: name(),
  limits: Type.Record(Type.String(), Type.Number(), { default: {} }),
})

/** A named list of plugin configurations, without a scope of their own. */
const pluginSet = objectOf({
  ...identity(),
  name: name(),
  plugins: listOf(pluginInstance, { default: [] }),
})

const keyauthCredential = objectOf({
  ...identity(),
  consumer: reference(),
  key: text({ writeOnly: true }),
})

export type Service = Static<typeof service>
export type Route = Static<typeof route>
export type Upstream = Static<typeof upstream>
export type Target = Static<typeof target>
export type Consumer = Static<typeof consumer>
export type ConsumerGroup = Static<typeof consumerGroup>
export type PluginInstance = Static<typeof pluginInstance>
export type Tenant = Static<typeof tenant>
export type KeyauthCredential = Static<typeof keyauthCredential>

/**
 * A whole configuration, normalised. Plugin sets are not in it: they became plugins of the routes
 * that name them. `global_plugins` run whatever else matches.
 */
export interface Entities {
  tenants: Tenant[]
  services: Service[]
  routes: Route[]
  upstreams: Upstream[]
  targets: Target[]
  consumers: Consumer[]
  consumer_groups: ConsumerGroup[]
  plugins: PluginInstance[]
  global_plugins: PluginInstance[]
  keyauth_credentials: KeyauthCredential[]
}

export type CollectionName = keyof Entities

export interface EntityKind {
  /** The word for one of them in messages. */
  readonly singular: string
  readonly schema: TSchema
  /** Fields that refer to another entity, and the collection it is in. */
  readonly parents: Readonly<Record<string, CollectionName>>
  /** The fields that name an entity for people, best first; references by name use them too. */
  readonly labels: readonly string[]
  /** Fields of which no two entities may have the same value. */
  readonly unique: readonly string[]
}

const pluginParents = {
  route: 'routes',
  service: 'services',
  consumer: 'consumers',
  consumer_group: 'consumer_groups',
} as const

const named = { labels: ['name'], unique: ['name'] }
const plugin = { schema: pluginInstance, labels: ['name', 'instance_name'] }

export const ENTITIES: Readonly<Record<CollectionName | 'plugin_sets', EntityKind>> = {
  tenants: { ...named, singular: 'tenant', schema: tenant, parents: {} },
  services: { ...named, singular: 'service', schema: service, parents: {} },
  routes: { ...named, singular: 'route', schema: route, parents: { service: 'services' } },
  upstreams: { ...named, singular: 'upstream', schema: upstream, parents: {} },
  targets: {
    singular: 'target',
    schema: target,
    parents: { upstream: 'upstreams' },
    labels: ['target'],
    unique: [],
  },
  consumers: {
    singular: 'consumer',
    schema: consumer,
    parents: {},
    labels: ['username', 'custom_id'],
    unique: ['username', 'custom_id'],
  },
  consumer_groups: { ...named, singular: 'consumer group', schema: consumerGroup, parents: {} },
  plugin_sets: { ...named, singular: 'plugin set', schema: pluginSet, parents: {} },
  plugins: { ...plugin, singular: 'plugin', parents: pluginParents, unique: ['instance_name'] },
  global_plugins: { ...plugin, singular: 'global plugin', parents: {}, unique: ['instance_name'] },
  keyauth_credentials: {
    singular: 'key-auth credential',
    schema: keyauthCredential,
    parents: { consumer: 'consumers' },
    labels: [],
    unique: ['key'],
  },
}
