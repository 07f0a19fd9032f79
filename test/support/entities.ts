import type {
  Consumer,
  ConsumerGroup,
  Entities,
  PluginInstance,
  Route,
  Service,
} from '../../kernel/config/entities.ts'

const identity = { created_at: 1, tags: null }

/** An entity as the loader would give it: every field there, with its default. */
export function makeService(fields: Partial<Service> & { id: string }): Service {
  return {
    ...identity,
    name: fields.id,
    protocol: 'http',
    host: '127.0.0.1',
    port: 80,
    path: null,
    retries: 5,
    connect_timeout: 60_000,
    write_timeout: 60_000,
    read_timeout: 60_000,
    client_certificate: null,
    tls_verify: null,
    tls_verify_depth: null,
    ca_certificates: null,
    enabled: true,
    tenant: null,
    ...fields,
  } as Service
}

export function makeRoute(fields: Partial<Route> & { id: string }): Route {
  return {
    ...identity,
    name: fields.id,
    protocols: ['http', 'https'],
    methods: null,
    hosts: null,
    paths: null,
    headers: null,
    snis: null,
    sources: null,
    destinations: null,
    regex_priority: 0,
    path_handling: 'v0',
    strip_path: true,
    preserve_host: false,
    https_redirect_status_code: 426,
    request_buffering: true,
    response_buffering: true,
    service: null,
    vars: null,
    expression: null,
    priority: null,
    plugin_set: null,
    tenant: null,
    ...fields,
  } as Route
}

export function makeConsumer(fields: Partial<Consumer> & { id: string }): Consumer {
  return { ...identity, username: fields.id, custom_id: null, groups: [], ...fields } as Consumer
}

export function makeConsumerGroup(id: string): ConsumerGroup {
  return { ...identity, id, name: id } as ConsumerGroup
}

export function makePluginInstance(
  fields: Partial<PluginInstance> & { id: string; name: string },
): PluginInstance {
  return {
    ...identity,
    instance_name: null,
    config: {},
    route: null,
    service: null,
    consumer: null,
    consumer_group: null,
    protocols: ['grpc', 'grpcs', 'http', 'https'],
    enabled: true,
    on_error: 'fail',
    ordering: null,
    condition: null,
    timeout_ms: null,
    tenant: null,
    ...fields,
  } as PluginInstance
}

export function makeEntities(some: Partial<Entities>): Entities {
  return {
    tenants: [],
    services: [],
    routes: [],
    upstreams: [],
    targets: [],
    consumers: [],
    consumer_groups: [],
    plugins: [],
    global_plugins: [],
    keyauth_credentials: [],
    ...some,
  }
}
