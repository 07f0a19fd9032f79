import { describe, expect, test } from 'vitest'
import { explainFile } from './explain-file.ts'

const file = `
_format_version: "3.0"
services:
- name: api
  url: http://api.test:8080/base
  routes:
  - { name: things, paths: [/things], methods: [GET] }
  - { name: users, paths: ["~/users/(?<id>\\\\d+)$"], hosts: [x.test], preserve_host: true }
- { name: balanced, host: pool, routes: [{ name: pool, paths: [/pool] }] }
upstreams: [{ name: pool, targets: [{ target: "10.0.0.1:80" }] }]
routes:
- { name: secure, protocols: [https], paths: [/secure], https_redirect_status_code: 301 }
- { name: rpc, protocols: [grpc], paths: [/rpc] }
- { name: stream, protocols: [tcp], sources: [{ ip: 10.0.0.0/8 }] }
- { name: alone, paths: [/alone] }
consumers: [{ username: ann, id: 7b2d9a52-0c5d-4a3e-9a41-2a5a38d2f0aa, groups: [{ name: gold }] }]
consumer_groups: [{ name: gold }]
plugins:
- { name: auth, route: things }
- { name: late, instance_name: late-all }
- { name: late, instance_name: late-ann, consumer: ann }
- { name: late, instance_name: late-gold, consumer_group: gold, route: things }
- { name: early, instance_name: early, condition: 'http.path ^= "/things/a"' }
global_plugins: [{ name: late, instance_name: always }]
`
const plugins = [
  { name: 'early', priority: 2000, phases: ['rewrite', 'access'] },
  { name: 'auth', priority: 1000, phases: ['access'] },
  { name: 'late', priority: 10, phases: ['certificate', 'access', 'response', 'log'] },
]
const ask = (questions: (object | string)[], ...flags: string[]) =>
  explainFile({ file, plugins, questions, flags })

const get = (path: string, more: object = {}) => ({ method: 'GET', path, ...more })

async function namesOf(question: object) {
  const [line] = (await ask([question])).lines
  const names = new Map(
    line!.plugins.map(({ id, instance_name: name, name: own }) => [id, name ?? own]),
  )
  return (phase: 'access' | 'log' | 'rewrite' | 'certificate' | 'response') =>
    line!.order[phase]!.map((id) => names.get(id))
}

describe('where a request goes', () => {
  test('is told with what is sent', async () => {
    const { code, lines } = await ask([
      get('/things/1?a=b'),
      get('/users/12', { host: 'X.test:81' }),
      get('/pool'),
    ])
    expect(code).toBe(0)
    expect(lines[0]).toMatchObject({
      route: { name: 'things' },
      service: { name: 'api' },
      upstream_uri: '/base/1',
      upstream_host: 'api.test:8080',
      prefix: '/things',
      matches: { uri: '/things', method: 'GET' },
    })
    expect(lines[0]).not.toHaveProperty('answer')
    expect(lines[1]).toMatchObject({
      upstream_host: 'X.test:81',
      matches: {
        host: 'x.test',
        uri: '/users/(?<id>\\d+)$',
        uri_captures: { '1': '12', id: '12' },
      },
    })
    // Which target it will be is not known beforehand.
    expect(lines[2]).toMatchObject({ service: { name: 'balanced' }, upstream_host: null })
  })

  test('is told of what the gateway answers itself', async () => {
    const { lines } = await ask([
      get('/nowhere'),
      get('/secure'),
      get('/rpc'),
      get('/alone'),
      get('/rpc', { scheme: 'grpc' }),
    ])
    expect(lines.map((line) => [line.route?.name ?? null, line.answer ?? null])).toEqual([
      [null, { status: 404, message: 'no Route matched with those values' }],
      ['secure', { status: 301, message: 'Please use HTTPS protocol' }],
      ['rpc', { status: 426, message: 'Please use HTTP2 protocol' }],
      ['alone', { status: 503, message: 'no Service found with those values' }],
      ['rpc', { status: 503, message: 'no Service found with those values' }],
    ])
  })

  test('is told of streams as well', async () => {
    const { lines } = await ask([{ scheme: 'tcp', src_ip: '10.1.2.3' }])
    expect(lines[0]).toMatchObject({ route: { name: 'stream' }, matches: { src_ip: '10.0.0.0/8' } })
  })

  test('a raw target is normalised first', async () => {
    const { lines } = await ask([get('/x/../things/%61', { raw: true }), get('/x/../things/%61')])
    expect(lines.map((line) => line.upstream_uri)).toEqual(['/base/a', null])
  })
})

describe('what would run', () => {
  test('is the most specific instance, and those of global_plugins besides', async () => {
    const names = await namesOf(get('/things/b', { consumer: 'ann' }))
    expect(names('access')).toEqual(['auth', 'always', 'late-gold'])
    expect(names('rewrite')).toEqual([])
    const byId = await namesOf(get('/alone', { consumer: '7b2d9a52-0c5d-4a3e-9a41-2a5a38d2f0aa' }))
    expect(byId('access')).toEqual(['always', 'late-ann'])
  })

  test('follows groups that are given', async () => {
    const names = await namesOf(get('/things/b', { consumer_groups: ['gold'] }))
    expect(names('access')).toEqual(['auth', 'always', 'late-gold'])
  })

  test('changes behind the plugin that authenticates', async () => {
    const names = await namesOf(get('/things/a', { consumer: 'ann', authenticated_by: 'auth' }))
    expect(names('access')).toEqual(['early', 'auth', 'always', 'late-gold'])
    expect(names('rewrite')).toEqual(['early'])
    const never = await namesOf(get('/things/b', { consumer: 'ann', authenticated_by: 'early' }))
    expect(never('access')).toEqual(['auth', 'always', 'late-all'])
  })

  test('of an answer without a route is what is global, and no access', async () => {
    const names = await namesOf(get('/nowhere', { scheme: 'https' }))
    expect(names('access')).toEqual([])
    expect(names('log')).toEqual(['always', 'late-all'])
    expect(names('certificate')).toEqual(['always', 'late-all'])
  })

  test('is told with scope, priority and phases', async () => {
    const [line] = (await ask([get('/alone')])).lines
    expect(
      line!.plugins.map(({ scope, priority, phases }) => ({ scope, priority, phases })),
    ).toEqual([
      { scope: 'global_plugins', priority: 10, phases: ['access', 'response', 'log'] },
      { scope: 'global', priority: 10, phases: ['access', 'response', 'log'] },
    ])
  })
})

describe('why not', () => {
  test('names the attributes on which the nearest routes failed', async () => {
    const { lines } = await ask([{ method: 'POST', path: '/things/b' }], '--why')
    const { routes, plugins: skipped } = lines[0]!.why_not as {
      routes: { route: { name: string }; failed: unknown[]; reason: string }[]
      plugins: { name: string; reason: string }[]
    }
    expect(routes[0]).toMatchObject({
      route: { name: 'things' },
      failed: [{ attribute: 'methods', wants: ['GET'], got: 'POST' }],
      reason: 'does not match by methods',
    })
    expect(routes.length).toBeLessThanOrEqual(5)
    expect(skipped).toMatchObject([
      { name: 'early', reason: 'its condition does not hold: http.path ^= "/things/a"' },
    ])
  })

  test('tells of a route that another goes before', async () => {
    const both = `
_format_version: "3.0"
routes: [{ name: long, paths: [/a/b] }, { name: short, paths: [/a] }]
`
    const { lines } = await explainFile({ file: both, questions: [get('/a/b')], flags: ['--why'] })
    expect(lines[0]!.route!.name).toBe('long')
    expect(lines[0]!.why_not).toMatchObject({
      routes: [
        { route: { name: 'short' }, failed: [], reason: expect.stringContaining('goes before') },
      ],
    })
  })
})

describe('what is too long for a regular expression', () => {
  const guarded = `
_format_version: "3.0"
routes:
- { name: guarded, paths: [/guarded], headers: { x-a: ["~*^([a-z]{1,64})+$"] } }
- { name: open, paths: [/] }
`
  const long = { headers: { 'x-a': 'a'.repeat(5_000) } }

  test('is an error where the gateway would refuse it, and nothing elsewhere', async () => {
    const questions = [get('/guarded', long), get('/other', long)]
    const { lines } = await explainFile({ file: guarded, questions, flags: ['--why'] })
    expect(lines[0]!.error).toContain('5000 characters are too long for')
    expect(lines[1]!.route!.name).toBe('open')
    expect(lines[1]!.why_not).toMatchObject({
      routes: [
        { route: { name: 'guarded' }, failed: [{ attribute: 'headers' }, { attribute: 'paths' }] },
      ],
    })
  })
})

describe('a bad line', () => {
  test.each([
    ['nonsense', /^not JSON: /],
    ['[1]', /^expected an object .*, got \[1\]$/],
    ['{"path":"/"}', /^method: is missing/],
    ['{"method":"GET"}', /^path: is missing/],
    ['{"method":"G T","path":"/"}', /^method: expected a method, like "GET", got "G T"$/],
    ['{"method":"GET","path":"a"}', /^path: expected a path that starts with "\/", got "a"$/],
    ['{"method":"GET","path":"/","scheme":"ftp"}', /^scheme: expected one of http, .*got "ftp"$/],
    ['{"method":"GET","path":"/","src_ip":"1.2.3"}', /^src_ip: expected an IP address/],
    [
      '{"method":"GET","path":"/","src_port":70000}',
      /^src_port: expected a number from 0 to 65535/,
    ],
    ['{"method":"GET","path":"/","headers":{"a":1}}', /^headers: expected an object of texts/],
    ['{"method":"GET","path":"/","verb":1}', /^"verb": unknown field; known are method, path/],
    ['{"method":"GET","path":"/","consumer":"eve"}', /^consumer: there is no consumer "eve"$/],
    ['{"method":"GET","path":"/","consumer_groups":["x"]}', /there is no consumer group "x"$/],
    ['{"method":"GET","path":"/","authenticated_by":"auth"}', /needs a consumer/],
    [
      '{"method":"GET","path":"/","consumer":"ann","authenticated_by":"nope"}',
      /^authenticated_by: no plugin "nope" is configured$/,
    ],
  ])('%s has one clear error, and the rest goes on', async (bad, error) => {
    const { code, lines } = await ask([bad, get('/things')])
    expect(code).toBe(0)
    expect(lines).toHaveLength(2)
    expect(lines[0]).toEqual({ error: expect.stringMatching(error) })
    expect(lines[1]!.route!.name).toBe('things')
  })

  test('may be too long', async () => {
    const long = JSON.stringify({ method: 'GET', path: `/${'a'.repeat(1 << 20)}` })
    const { lines } = await ask([get('/things'), long, get('/things')])
    expect(lines.map((line) => line.error ?? null)).toEqual([
      null,
      'the line is longer than 1048576 bytes',
      null,
    ])
  })
})

test('a configuration that is refused is exit code 1, with the errors', async () => {
  const { code, error, lines } = await explainFile({ file: 'routes: []', questions: [get('/')] })
  expect(code).toBe(1)
  expect(error).toContain('_format_version')
  expect(lines).toEqual([])
})

test('an unknown flag is exit code 2', async () => {
  const { code, error } = await ask([], '--wy')
  expect(code).toBe(2)
  expect(error).toContain('did you mean "--why"')
})
