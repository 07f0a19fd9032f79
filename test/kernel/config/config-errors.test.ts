import { describe, expect, test } from 'vitest'
import { errorsOf, load, versioned } from './load.ts'

// Each row: what is wrong, a file body, and the errors without the file's name. The body begins in
// line 2.
type Row = readonly [string, string, readonly string[]]

const route = (fields: string) => `routes: [{ name: r, ${fields} }]`
const service = (fields: string) => `services: [{ name: s, ${fields} }]`
const upstream = (fields: string) => `upstreams: [{ name: u, ${fields} }]`

const files: Row[] = [
  [
    'an unknown collection',
    'sevices: []',
    ['2:1: sevices: unknown field; did you mean "services"?'],
  ],
  [
    'a collection that nothing serves',
    'certificates: [{ cert: a }]',
    ['2:1: certificates: this collection is not served yet'],
  ],
  [
    'a collection that is no list',
    'routes: abc',
    ['2:9: routes: must be a list of routes, got "abc"'],
  ],
  ['an entity that is no object', 'routes: [abc]', ['2:10: routes[0]: must be a route, got "abc"']],
  [
    'a nested list that is none',
    service('host: h, routes: 5'),
    ['2:32: service "s": routes: must be a list of routes, got 5'],
  ],
  [
    'pairs of consumers and groups that are none',
    'consumer_group_consumers: [{ consumer: a }, { consumer: a, consumer_group: g }]',
    [
      '2:28: consumer_group_consumers[0]: must have consumer and consumer_group',
      '2:45: consumer_group_consumers[1]: no consumer "a" in this file',
      '2:45: consumer_group_consumers[1]: no consumer group "g" in this file',
    ],
  ],
]

const services: Row[] = [
  ['no host', service('port: 80'), ['2:12: service "s": host: is missing']],
  ['no name and no host', 'services: [{ port: 80 }]', ['2:12: service #1: host: is missing']],
  [
    'a url that is none',
    service('url: example.com'),
    ['2:23: service "s": url: must be like "http://hostname:port/path", got "example.com"'],
  ],
  [
    'a url with a password, without showing it',
    service('url: "http://me:hunter2@h/"'),
    ['2:23: service "s": url: must be like "http://hostname:port/path", got "http://(hidden)@h/"'],
  ],
  [
    'a url and another port',
    service('url: "http://h:81", port: 82'),
    ['2:23: service "s": url: says something else than port; give one of them'],
  ],
  [
    'numbers out of range',
    service('host: h, port: 65536, retries: -1, read_timeout: 0, write_timeout: 1.5'),
    [
      '2:32: service "s": port: must be at most 65535, got 65536',
      '2:45: service "s": retries: must be at least 0, got -1',
      '2:58: service "s": read_timeout: must be at least 1, got 0',
      '2:75: service "s": write_timeout: must be a whole number, got 1.5',
    ],
  ],
  [
    'a path of another form',
    service('host: h, path: a'),
    ['2:32: service "s": path: must be a path that starts with "/", got "a"'],
  ],
  [
    'a path with an empty segment',
    service('host: h, path: /a//b'),
    ['2:32: service "s": path: must not have an empty segment, a query or a fragment, got "/a//b"'],
  ],
  [
    'a wrong type',
    service('host: h, enabled: 1, tags: a'),
    [
      '2:32: service "s": enabled: must be true or false, got 1',
      '2:44: service "s": tags: must be a list, got "a"',
    ],
  ],
  [
    'tags that no query could name',
    service('host: h, tags: ["a,b", c, c]'),
    [
      '2:32: service "s": tags: must not hold the same value twice, got ["a,b", "c", "c"]',
      '2:39: service "s": tags[0]: must be a tag without "," and "/", got "a,b"',
    ],
  ],
  [
    'a name with a slash',
    'services: [{ name: a/b, host: h }]',
    [
      '2:14: service "a/b": name: must be a name of letters, digits, ".", "-", "_", "~" and spaces inside, got "a/b"',
    ],
  ],
  [
    'an id that is no text',
    service('id: [{ toString: 1 }], host: h'),
    ['2:23: service "s": id: must be a uuid, got a list of 1'],
  ],
  [
    'an id that is no uuid',
    service('id: 5, host: h'),
    ['2:23: service "s": id: must be a uuid like 5f0f8c1e-8f3b-4c5d-9a71-1f0c2d3e4f50, got "5"'],
  ],
]

const routes: Row[] = [
  [
    'nothing to match',
    'routes: [{ name: r }]',
    [
      '2:10: route "r": must have at least one of methods, hosts, headers, paths or snis, or an expression',
    ],
  ],
  [
    'only what TLS has, without https',
    route('protocols: [http], snis: [a.test]'),
    [
      '2:10: route "r": must have at least one of methods, hosts, headers or paths, or an expression',
      '2:40: route "r": snis: can only match when protocols has "https"',
    ],
  ],
  [
    'a path of another form',
    route('paths: [/a, orders]'),
    ['2:33: route "r": paths[1]: must start with "/" or "~", got "orders"'],
  ],
  [
    'a path that is not normalised',
    route('paths: [/a/../b%7e]'),
    [
      '2:29: route "r": paths[0]: is not normalised and would never match: write "/b~", got "/a/../b%7e"',
    ],
  ],
  [
    'a path with a query',
    route('paths: ["/a?b"]'),
    ['2:29: route "r": paths[0]: must not have a query or a fragment, got "/a?b"'],
  ],
  [
    'hostnames of other forms',
    route('hosts: ["a.*.b", "*", "*.a.*", "a b", "a:99999", "http://a"]'),
    ['a.*.b', '*', '*.a.*', 'a b', 'a:99999', 'http://a'].map((host, index) => {
      const column = [29, 38, 43, 52, 59, 70][index]
      return `2:${column}: route "r": hosts[${index}]: must be a hostname, with "*" only as its first or last label, got "${host}"`
    }),
  ],
  [
    'the host among the headers',
    route('headers: { Host: [a], "x y": [b] }'),
    [
      '2:32: route "r": headers.Host: is what hosts is for',
      '2:43: route "r": headers["x y"]: is no valid name of a header',
    ],
  ],
  [
    'a method in lower case',
    route('methods: [get]'),
    ['2:31: route "r": methods[0]: must be a method in upper case, like GET, got "get"'],
  ],
  [
    'a status that is no redirect',
    route('paths: [/], https_redirect_status_code: 303'),
    [
      '2:33: route "r": https_redirect_status_code: must be one of 426, 301, 302, 307, 308, got 303',
    ],
  ],
  [
    'addresses on a route for HTTP',
    route('paths: [/], destinations: [{ port: 1 }]'),
    ['2:33: route "r": destinations: can only match when protocols is "tcp", "tls" or "udp"'],
  ],
  [
    'an address of another form',
    route('paths: [/], sources: [{ ip: 10.0.0.0/33 }]'),
    [
      '2:45: route "r": sources[0].ip: must be an IP address or a block like "10.0.0.0/8", got "10.0.0.0/33"',
    ],
  ],
  [
    'a misspelt field',
    route('path: [/], hots: [a]'),
    [
      '2:10: route "r": must have at least one of methods, hosts, headers, paths or snis, or an expression',
      '2:21: route "r": path: unknown field; did you mean "paths"?',
      '2:32: route "r": hots: unknown field; did you mean "hosts"?',
    ],
  ],
  [
    'a service that is not there',
    `${service('host: h')}\n${route('paths: [/], service: t')}`,
    ['3:33: route "r": service: no service "t" in this file'],
  ],
  [
    'a reference of another form',
    route('paths: [/], service: { id: a, name: b }'),
    ['2:33: route "r": service: must name a service, as text or as an object with id or name'],
  ],
  [
    'a service that its place gives already',
    service('host: h, routes: [{ name: r, paths: [/], service: s }]'),
    ['2:64: route "r": service: is given by its place in service "s"'],
  ],
]

const notServed: Row[] = [
  [
    'protocols',
    `${service('host: h, protocol: tcp')}\n${route('paths: [/], protocols: [http, udp]')}`,
    [
      '2:32: service "s": protocol: streams and WebSocket protocols are not served yet, got "tcp"',
      '3:33: route "r": protocols: streams and WebSocket protocols are not served yet, got ["http", "udp"]',
    ],
  ],
  [
    'an http route to a gRPC service',
    `${service('host: h, protocol: grpc')}\n${route('paths: [/], service: s')}`,
    [
      '3:33: route "r": service: service "s" is not served to http routes yet: its protocol is "grpc"',
    ],
  ],
  [
    'protocols that no route may mix',
    route('paths: [/], protocols: [http, grpc]'),
    [
      '2:33: route "r": protocols: cannot be mixed: http and https; grpc and grpcs; tcp and udp and tls; tls_passthrough, got ["http", "grpc"]',
    ],
  ],
  [
    'methods of a gRPC route',
    route('methods: [GET], protocols: [grpc]'),
    [
      '2:10: route "r": must have at least one of hosts, headers or paths, or an expression',
      '2:21: route "r": methods: can only match when protocols is not "grpc"',
    ],
  ],
  [
    'a protocol in a url',
    service('url: "tcp://h"'),
    ['2:23: service "s": url: streams and WebSocket protocols are not served yet, got "tcp://h"'],
  ],
  [
    'TLS settings of a service',
    service('url: "https://h", tls_verify: true, ca_certificates: [a]'),
    [
      '2:41: service "s": tls_verify: a verification of its own is not served yet, got true',
      '2:59: service "s": ca_certificates: CA certificates are not served yet, got ["a"]',
    ],
  ],
  [
    'other algorithms',
    upstream('algorithm: latency, hash_on: ip'),
    [
      '2:24: upstream "u": algorithm: only "round-robin" is served yet, got "latency"',
      '2:44: upstream "u": hash_on: hashing is not served yet, got "ip"',
    ],
  ],
  [
    'health checks',
    upstream(
      'healthchecks: { active: { healthy: { interval: 5 } }, passive: { unhealthy: { timeouts: 2 } } }',
    ),
    [
      '2:61: upstream "u": healthchecks.active.healthy.interval: active health checks are not served yet, got 5',
      '2:102: upstream "u": healthchecks.passive.unhealthy.timeouts: passive health checks are not served yet, got 2',
    ],
  ],
  [
    'other credentials',
    'consumers: [{ username: a, jwt_secrets: [{ key: k }] }]',
    ['2:28: consumer "a": jwt_secrets: this kind of credential is not served yet, got a list of 1'],
  ],
]

const plugins: Row[] = [
  [
    'one that is not loaded',
    'plugins: [{ name: key-aut }]',
    [
      '2:13: plugin "key-aut": name: no plugin "key-aut" is loaded; did you mean "key-auth"? (loaded are key-auth, limiter, plain)',
    ],
  ],
  ['one without a name', 'plugins: [{ config: {} }]', ['2:11: plugin #1: name: is missing']],
  [
    'a configuration that misses, misspells and mistakes',
    'plugins: [{ name: limiter, config: { minut: 1, by: "me", label: [] } }]',
    [
      '2:28: plugin "limiter": config.minute: is missing',
      '2:38: plugin "limiter": config.minut: unknown field; did you mean "minute"?',
      '2:48: plugin "limiter": config.by: must be "ip" or "consumer", got "me"',
      '2:58: plugin "limiter": config.label: must be a string, got an empty list',
    ],
  ],
  [
    'a secret of another form, without showing it',
    'plugins: [{ name: limiter, config: { minute: 1, secret: hunter2 } }]',
    ['2:49: plugin "limiter": config.secret: must have at least 8 characters, got (hidden)'],
  ],
  [
    'a configuration for a plugin that has none',
    'plugins: [{ name: plain, config: { a: 1 } }]',
    ['2:36: plugin "plain": config.a: unknown field'],
  ],
  [
    'a configuration that is no object',
    'plugins: [{ name: limiter, config: [1] }]',
    ['2:28: plugin "limiter": config: must be an object, got [1]'],
  ],
  [
    'a scope that makes no sense',
    'consumers: [{ username: a, plugins: [{ name: key-auth }] }]',
    [
      '2:38: plugin "key-auth" of consumer "a": consumer: plugin "key-auth" cannot be bound to a consumer',
    ],
  ],
  [
    'a consumer and a group',
    `plugins: [{ name: plain, consumer: a, consumer_group: g }]
consumers: [{ username: a }]
consumer_groups: [{ name: g }]`,
    ['2:39: plugin "plain": consumer_group: cannot be given together with consumer'],
  ],
  [
    'a policy and an order of other forms',
    'plugins: [{ name: plain, on_error: ignore, timeout_ms: 0, ordering: { befor: {} } }]',
    [
      '2:26: plugin "plain": on_error: must be one of "fail", "skip", got "ignore"',
      '2:44: plugin "plain": timeout_ms: must be at least 1, got 0',
      '2:71: plugin "plain": ordering.befor: unknown field; did you mean "before"?',
    ],
  ],
]

const others: Row[] = [
  [
    'a consumer without a name',
    'consumers: [{ tags: [a] }]',
    ['2:13: consumer #1: must have a username, a custom_id or both'],
  ],
  [
    'a consumer whose name would break a header',
    'consumers: [{ username: "a\\nb" }]',
    ['2:15: consumer "a\\nb": username: must be text without control characters, got "a\\nb"'],
  ],
  [
    'a group that is not there',
    'consumers: [{ username: a, groups: [gold, 1.5, [x]] }]',
    [
      '2:37: consumer "a": groups[0]: no consumer group "gold" in this file',
      '2:43: consumer "a": groups[1]: no consumer group "1.5" in this file',
      '2:48: consumer "a": groups[2]: must name a consumer group, as text or as an object with id or name',
    ],
  ],
  [
    'a credential without its key',
    'consumers: [{ username: a, keyauth_credentials: [{}, hunter2] }]',
    [
      '2:50: key-auth credential #1 of consumer "a": key: is missing',
      '2:54: consumer "a": keyauth_credentials[1]: must be a key-auth credential, got (hidden)',
    ],
  ],
  [
    'a credential without its consumer',
    'keyauth_credentials: [{ key: hunter2 }]',
    ['2:23: key-auth credential #1: consumer: is missing'],
  ],
  [
    'a target of another form',
    upstream('targets: [{ target: "a b" }, { target: "h:70000" }, { weight: 1 }]'),
    [
      '2:36: target "a b": target: must be like "hostname:port", got "a b"',
      '2:55: target "h:70000": target: must be like "hostname:port", got "h:70000"',
      '2:76: target #3 of upstream "u": target: is missing',
    ],
  ],
  [
    'an upstream named like an address',
    'upstreams: [{ name: 10.0.0.1 }]',
    ['2:15: upstream "10.0.0.1": name: must not be an IP address, got "10.0.0.1"'],
  ],
]

const duplicates: Row[] = [
  [
    'a name',
    'services:\n- { name: a, host: h }\n- { host: h, name: a }',
    ['4:14: service "a": name: "a" is already a service in line 3'],
  ],
  [
    'an id',
    'services:\n- { id: 5f0f8c1e-8f3b-4c5d-9a71-1f0c2d3e4f50, host: h }\n- { id: 5F0F8C1E-8f3b-4c5d-9a71-1f0c2d3e4f50, host: h }',
    [
      '4:5: service #2: id: "5f0f8c1e-8f3b-4c5d-9a71-1f0c2d3e4f50" is already the id of service #1 in line 3',
    ],
  ],
  [
    'a target of one upstream',
    'upstreams:\n- { name: u, targets: [{ target: H }, { target: "h:8000" }] }\n- { name: v, targets: [{ target: h }] }',
    ['3:41: target "h:8000": target: "h:8000" is already a target of this upstream in line 3'],
  ],
  [
    'a plugin in one scope',
    'plugins:\n- name: plain\n- name: limiter\n  config: { minute: 1 }\n- name: plain',
    ['6:3: plugin "plain": name: "plain" is already there for the same scope in line 3'],
  ],
  [
    'a key, without showing it',
    'consumers:\n- username: a\n  keyauth_credentials: [{ key: hunter2 }]\n- username: b\n  keyauth_credentials: [{ key: hunter2 }]',
    [
      '6:27: key-auth credential #1 of consumer "b": key: is the same as that of the key-auth credential #1 of consumer "a" in line 4',
    ],
  ],
  [
    'a label of plugins',
    'plugins:\n- { name: plain, instance_name: a }\n- { name: key-auth, instance_name: a }',
    ['4:21: plugin "key-auth": instance_name: "a" is already a plugin in line 3'],
  ],
]

describe.each([
  ['a file', files],
  ['a service', services],
  ['a route', routes],
  ['a feature that is not served yet', notServed],
  ['a plugin', plugins],
  ['another entity', others],
  ['a duplicate', duplicates],
])('%s', (_, rows) => {
  test.each(rows)('is refused with %s', (_name, text, messages) => {
    expect(errorsOf(versioned(text))).toEqual(messages.map((message) => `kong.yml:${message}`))
  })
})

describe('the version', () => {
  test.each([
    [
      'services: []',
      'kong.yml:1:1: _format_version: must be one of "1.1", "2.1", "3.0", but is missing',
    ],
    [
      '_format_version: "4.0"',
      'kong.yml:1:1: _format_version: must be one of "1.1", "2.1", "3.0", got "4.0"',
    ],
    ['[]', 'kong.yml:1:1: the file must be an object with _format_version, got an empty list'],
  ])('is asked for in %j', (text, message) => {
    expect(errorsOf(text)).toEqual([message])
  })
})

describe('errors', () => {
  test('carry entity, field and place for machines', () => {
    const result = load(
      versioned('services:\n  - name: orders\n    host: h\n    routes:\n      - paths: [orders]'),
    )
    expect(result).toEqual({
      ok: false,
      errors: [
        {
          filename: 'kong.yml',
          line: 6,
          column: 17,
          entity: 'route #1 of service "orders"',
          field: 'services[0].routes[0].paths[0]',
          message: 'paths[0]: must start with "/" or "~", got "orders"',
        },
      ],
    })
  })

  test('are listed all, in the order of the file, until nobody would read them', () => {
    const many = Array.from({ length: 1500 }, () => '- { hst: h }').join('\n')
    const errors = errorsOf(versioned(`services:\n${many}`))
    expect(errors).toHaveLength(1001)
    expect(errors.at(-1)).toBe('kong.yml:1:1: 2000 more errors are not listed')
  })
})
