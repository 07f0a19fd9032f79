import type { PdkMember, Phase } from '@sallyport/sdk'
import { expect } from 'vitest'

/** What a row says of the answer that the client got; what it does not name is not looked at. */
interface WantedAnswer {
  readonly status?: number
  readonly body?: unknown
  readonly headers?: unknown
}

/** What a row says of the request that reached an upstream. */
interface WantedRequest {
  readonly method?: string
  readonly url?: unknown
  readonly body?: string
  readonly headers?: unknown
}

/** One function of the PDK, called in a phase in which it may be called. */
export interface PdkRow {
  readonly phase: Phase
  /** JavaScript: an expression of `pdk` and of `text`, which turns bytes into a string. */
  readonly run: string
  /** What the expression gives, as JSON has it: nothing is null. */
  readonly gives: unknown
  readonly answer?: WantedAnswer
  /** Of the upstream that the request reached, which may be another than the service's. */
  readonly reaches?: WantedRequest
  readonly upstream?: 'main' | 'other'
  /** A line of the gateway's log. */
  readonly line?: Readonly<Record<string, unknown>>
}

export const ANSWER_BODY = '{"up":1}'
export const REQUEST_BODY = 'a=1&b=2'
/** What the other upstream answers. */
export const OTHER_BODY = '{"other":1}'
/** A secret that the plugin may know. */
export const SECRET = { reference: '{vault://env/api-key}', variable: 'API_KEY', value: 'horse' }
/** The name of an upstream besides the service's own host. */
export const OTHER_UPSTREAM = 'other'

const NUMBER: unknown = expect.any(Number)
const TEXT: unknown = expect.stringMatching(/./)

function read(phase: Phase, run: string, gives: unknown): PdkRow {
  return { phase, run, gives }
}

function change(phase: Phase, run: string, shown: Partial<PdkRow>): PdkRow {
  return { phase, run, gives: null, ...shown }
}

function said(level: string, pinoLevel: number): PdkRow {
  const run = `pdk.log.${level}('said ', { at: '${level}' }, 1)`
  return change('access', run, { line: { level: pinoLevel, msg: `said {"at":"${level}"}1` } })
}

const CONSUMER = { id: TEXT, username: 'ann', custom_id: null }

/**
 * Every function of the PDK. A new one without a row does not compile and fails the test that reads
 * this table. `{{host}}` and `{{port}}` stand for the address of the other upstream.
 */
export const PDK_ROWS: Readonly<Record<PdkMember, PdkRow>> = {
  'client.getIp': read('rewrite', 'pdk.client.getIp()', '127.0.0.1'),
  'client.getPort': read('access', 'pdk.client.getPort()', NUMBER),
  'client.getForwardedIp': read('log', 'pdk.client.getForwardedIp()', '198.51.100.7'),
  'client.getForwardedPort': read('access', 'pdk.client.getForwardedPort()', 8443),
  'client.getProtocol': read('access', '[pdk.client.getProtocol(), pdk.client.getProtocol(true)]', [
    'http',
    'https',
  ]),
  'client.getConsumer': read('access', 'pdk.client.getConsumer()', null),
  'client.getCredential': read('headerFilter', 'pdk.client.getCredential()', null),
  'client.loadConsumer': read(
    'access',
    `Promise.all([pdk.client.loadConsumer('ann', true), pdk.client.loadConsumer('ann')])`,
    [expect.objectContaining(CONSUMER), null],
  ),
  'client.loadCredential': read(
    'access',
    `pdk.client.loadCredential('keyauth_credentials', 'secret')`,
    { id: TEXT, consumer: { id: TEXT } },
  ),
  'client.authenticate': change(
    'access',
    `pdk.client.loadConsumer('ann', true).then((ann) => {
       pdk.client.authenticate(ann, { id: 'k1', consumer: { id: ann.id } })
       return [pdk.client.getConsumer().username, pdk.client.getCredential().id]
     })`,
    { gives: ['ann', 'k1'], answer: { status: 201 } },
  ),
  'request.getScheme': read('access', 'pdk.request.getScheme()', 'http'),
  'request.getHost': read('rewrite', 'pdk.request.getHost()', 'shop.test'),
  'request.getPort': read('access', 'pdk.request.getPort()', NUMBER),
  'request.getForwardedScheme': read('access', 'pdk.request.getForwardedScheme()', 'https'),
  'request.getForwardedHost': read('access', 'pdk.request.getForwardedHost()', 'front.test'),
  'request.getForwardedPort': read('access', 'pdk.request.getForwardedPort()', 8443),
  'request.getForwardedPath': read('access', 'pdk.request.getForwardedPath()', '/front'),
  'request.getForwardedPrefix': read('access', 'pdk.request.getForwardedPrefix()', '/pre'),
  'request.getHttpVersion': read('access', 'pdk.request.getHttpVersion()', '1.1'),
  'request.getMethod': read('bodyFilter', 'pdk.request.getMethod()', 'POST'),
  'request.getPath': read('access', 'pdk.request.getPath()', '/shop/ab/c d'),
  'request.getRawPath': read('access', 'pdk.request.getRawPath()', '/shop/ab/c%20d'),
  'request.getPathWithQuery': read(
    'access',
    'pdk.request.getPathWithQuery()',
    '/shop/ab/c d?x=1&y&z=a%20b',
  ),
  'request.getRawQuery': read('access', 'pdk.request.getRawQuery()', 'x=1&y&z=a%20b'),
  'request.getQueryArg': read(
    'access',
    `['x', 'y', 'z', 'none'].map((name) => pdk.request.getQueryArg(name))`,
    ['1', true, 'a b', null],
  ),
  'request.getQuery': read(
    'access',
    '[pdk.request.getQuery(), pdk.request.getQuery({ maxArgs: 1 })]',
    [{ x: '1', y: true, z: 'a b' }, { x: '1' }],
  ),
  'request.getUriCaptures': read('access', 'pdk.request.getUriCaptures()', {
    unnamed: ['/shop/ab/c d', 'ab'],
    named: { item: 'ab' },
  }),
  'request.getHeader': read(
    'access',
    `['X-A', 'x_a', 'none'].map((name) => pdk.request.getHeader(name))`,
    ['1', null, null],
  ),
  'request.getHeaders': read(
    'access',
    `[pdk.request.getHeaders()['x-a'], Object.keys(pdk.request.getHeaders({ maxHeaders: 1 }))]`,
    [['1', '2'], ['host']],
  ),
  'request.getStartTime': read('access', 'pdk.request.getStartTime()', NUMBER),
  'request.getId': read('access', 'pdk.request.getId()', TEXT),
  'request.getRawBody': read(
    'access',
    `Promise.allSettled([pdk.request.getRawBody(), pdk.request.getRawBody({ maxBytes: 3 })])
       .then(([all, few]) => [text(all.value), few.reason.code])`,
    [REQUEST_BODY, 'BODY_TOO_LARGE'],
  ),
  'request.getBody': read(
    'access',
    `Promise.allSettled([pdk.request.getBody(), pdk.request.getBody('application/json')])
       .then(([form, json]) => [form.value, json.reason.code])`,
    [{ a: '1', b: '2' }, 'BAD_BODY'],
  ),
  'response.getStatus': read('headerFilter', 'pdk.response.getStatus()', 201),
  'response.getHeader': read('headerFilter', `pdk.response.getHeader('X-UP')`, '1'),
  'response.getHeaders': read('log', `pdk.response.getHeaders()['x-up']`, '1'),
  'response.getSource': read('response', 'pdk.response.getSource()', 'service'),
  'response.setStatus': change(
    'headerFilter',
    '(pdk.response.setStatus(418), pdk.response.getStatus())',
    { gives: 418, answer: { status: 418 } },
  ),
  'response.setHeader': change('access', `pdk.response.setHeader('x-up', ['2', 3])`, {
    answer: { headers: expect.objectContaining({ 'x-up': '2, 3' }) },
  }),
  'response.addHeader': change(
    'headerFilter',
    `(pdk.response.addHeader('X-Up', 'ä'), pdk.response.getHeaders()['x-up'])`,
    {
      gives: ['1', 'ä'],
      answer: { headers: expect.objectContaining({ 'x-up': '1, ä' }) },
    },
  ),
  'response.clearHeader': change('headerFilter', `pdk.response.clearHeader('X-UP')`, {
    answer: { headers: expect.not.objectContaining({ 'x-up': TEXT }) },
  }),
  'response.setHeaders': change('beforeProxy', `pdk.response.setHeaders({ b: 1, a: ['2'] })`, {
    answer: { headers: expect.objectContaining({ a: '2', b: '1' }) },
  }),
  'response.exit': change(
    'access',
    `(pdk.response.exit(403, { no: [true] }, { 'x-e': '1' }), pdk.response.exit(200))`,
    {
      answer: {
        status: 403,
        body: '{"no":[true]}',
        headers: expect.objectContaining({
          'x-e': '1',
          'content-type': 'application/json; charset=utf-8',
        }),
      },
    },
  ),
  'response.error': change('rewrite', `pdk.response.error(429, 'slow down', { 'x-e': '1' })`, {
    answer: {
      status: 429,
      body: expect.stringContaining('"message":"slow down"'),
      headers: expect.objectContaining({ 'x-e': '1' }),
    },
  }),
  'response.getRawBody': read(
    'response',
    `Promise.allSettled([pdk.response.getRawBody(), pdk.response.getRawBody({ maxBytes: 1 })])
       .then(([all, few]) => [text(all.value), few.reason.code])`,
    [ANSWER_BODY, 'BODY_TOO_LARGE'],
  ),
  'response.setRawBody': change('response', 'pdk.response.setRawBody(new Uint8Array([120, 121]))', {
    answer: { body: 'xy' },
  }),
  'response.getChunk': read('bodyFilter', 'text(pdk.response.getChunk())', ANSWER_BODY),
  'response.setChunk': change(
    'bodyFilter',
    `(pdk.response.setChunk('new'), text(pdk.response.getChunk()))`,
    { gives: 'new', answer: { body: expect.stringMatching(/^new/) } },
  ),
  'response.isLast': read('bodyFilter', 'typeof pdk.response.isLast()', 'boolean'),
  'service.setUpstream': change(
    'access',
    `(() => {
       try { pdk.service.setUpstream('${OTHER_UPSTREAM}') } catch (error) { return error.code }
     })()`,
    { upstream: 'other', reaches: { method: 'POST' } },
  ),
  'service.setTarget': change('beforeProxy', `pdk.service.setTarget('{{host}}', {{port}})`, {
    upstream: 'other',
    reaches: { method: 'POST' },
  }),
  'service.setRetries': change('access', 'pdk.service.setRetries(0)', { answer: { status: 201 } }),
  'service.setTimeouts': change(
    'access',
    `(pdk.service.request.setPath('/silent'), pdk.service.setTimeouts(1000, 1000, 50))`,
    { answer: { status: 504 } },
  ),
  'service.request.enableBuffering': change('access', 'pdk.service.request.enableBuffering()', {
    answer: { status: 201, body: ANSWER_BODY },
  }),
  'service.request.setScheme': change('access', `pdk.service.request.setScheme('http')`, {
    answer: { status: 201 },
  }),
  'service.request.setPath': change('beforeProxy', `pdk.service.request.setPath('/new path')`, {
    reaches: { url: '/new%20path?x=1&y&z=a%20b' },
  }),
  'service.request.setMethod': change(
    'access',
    `(pdk.service.request.setMethod('PUT'), pdk.request.getMethod())`,
    { gives: 'PUT', reaches: { method: 'PUT' } },
  ),
  'service.request.setRawQuery': change(
    'rewrite',
    `(pdk.service.request.setRawQuery('n=1'), pdk.request.getRawQuery())`,
    { gives: 'n=1', reaches: { url: expect.stringMatching(/\?n=1$/) } },
  ),
  'service.request.setQuery': change(
    'access',
    `(pdk.service.request.setQuery({ b: [1, true], a: 'x y', c: false }), pdk.request.getRawQuery())`,
    {
      gives: 'a=x%20y&b=1&b',
      reaches: { url: expect.stringMatching(/\?a=x%20y&b=1&b$/) },
    },
  ),
  'service.request.clearQueryArg': change(
    'access',
    `(pdk.service.request.clearQueryArg('y'), pdk.request.getRawQuery())`,
    { gives: 'x=1&z=a%20b', reaches: { url: expect.stringMatching(/\?x=1&z=a%20b$/) } },
  ),
  'service.request.setRawBody': change('beforeProxy', `pdk.service.request.setRawBody('grün')`, {
    reaches: { body: 'grün' },
  }),
  'service.request.setBody': change(
    'access',
    `pdk.service.request.setBody({ n: [1] }, 'application/json')`,
    {
      reaches: {
        body: '{"n":[1]}',
        headers: expect.objectContaining({ 'content-type': 'application/json' }),
      },
    },
  ),
  'service.request.setHeader': change(
    'access',
    `(pdk.service.request.setHeader('X-A', '9'), pdk.request.getHeaders()['x-a'])`,
    { gives: '9', reaches: { headers: expect.objectContaining({ 'x-a': '9' }) } },
  ),
  'service.request.addHeader': change('rewrite', `pdk.service.request.addHeader('x-a', 3)`, {
    reaches: { headers: expect.objectContaining({ 'x-a': '1, 2, 3' }) },
  }),
  'service.request.clearHeader': change('access', `pdk.service.request.clearHeader('X-a')`, {
    reaches: { headers: expect.not.objectContaining({ 'x-a': TEXT }) },
  }),
  'service.request.setHeaders': change(
    'beforeProxy',
    `pdk.service.request.setHeaders({ 'x-b': ['1', 2] })`,
    { reaches: { headers: expect.objectContaining({ 'x-b': '1, 2' }) } },
  ),
  'service.response.getStatus': read('log', 'pdk.service.response.getStatus()', 201),
  'service.response.getHeader': read(
    'headerFilter',
    `[pdk.service.response.getHeader('x-UP'), pdk.service.response.getHeader('none')]`,
    ['1', null],
  ),
  'service.response.getHeaders': read(
    'bodyFilter',
    `pdk.service.response.getHeaders()['x-up']`,
    '1',
  ),
  'service.response.getRawBody': read(
    'headerFilter',
    'pdk.service.response.getRawBody().then(text)',
    ANSWER_BODY,
  ),
  'service.response.getBody': read('response', 'pdk.service.response.getBody()', { up: 1 }),
  'router.getRoute': read(
    'access',
    'pdk.router.getRoute()',
    expect.objectContaining({ id: TEXT, name: 'shop', protocols: ['http', 'https'] }),
  ),
  'router.getService': read(
    'log',
    'pdk.router.getService()',
    expect.objectContaining({ id: TEXT, name: 'main', host: '127.0.0.1' }),
  ),
  'balancer.getTarget': read('beforeProxy', 'pdk.balancer.getTarget()', {
    host: '127.0.0.1',
    port: NUMBER,
    tryNumber: 1,
  }),
  'log.debug': said('debug', 20),
  'log.info': said('info', 30),
  'log.notice': said('notice', 30),
  'log.warn': said('warn', 40),
  'log.err': said('err', 50),
  'log.crit': said('crit', 60),
  'log.alert': said('alert', 60),
  'log.emerg': said('emerg', 60),
  'log.serialize': read(
    'log',
    `(({ request, response, route }) =>
       [request.method, request.querystring, response.status, route.name])(pdk.log.serialize())`,
    ['POST', 'x=1&y&z=a%20b', 201, 'shop'],
  ),
  'log.setSerializeValue': read(
    'log',
    `(pdk.log.setSerializeValue('own.value', [1]), pdk.log.serialize().own)`,
    { value: [1] },
  ),
  'ip.isTrusted': read(
    'access',
    `['127.0.0.1', '10.1.2.3', 'no address'].map((address) => pdk.ip.isTrusted(address))`,
    [true, false, false],
  ),
  'node.getId': read('access', 'pdk.node.getId()', 'test-node'),
  'node.getHostname': read('access', 'pdk.node.getHostname()', TEXT),
  'node.getMemoryStats': read(
    'access',
    `pdk.node.getMemoryStats('k').then(({ rss }) => rss > 100 && rss < 1e9)`,
    true,
  ),
  'plugin.getId': read('access', 'pdk.plugin.getId()', TEXT),
  'tracing.startSpan': read(
    'access',
    `((span) => (span.setAttribute('b', 2), span.recordError('no'), span.finish(), typeof span))
       (pdk.tracing.startSpan('work', { a: 1 }))`,
    'object',
  ),
  'tracing.addSpan': change(
    'access',
    `pdk.tracing.addSpan({ name: 'work', startTime: 1, endTime: 2 })`,
    { answer: { status: 201 } },
  ),
  'http.fetch': change(
    'access',
    `pdk.http.fetch('http://{{host}}:{{port}}/asked', { method: 'POST', body: new Uint8Array([104, 105]) })
       .then(({ status, body }) => [status, body instanceof Uint8Array, text(body)])`,
    {
      gives: [200, true, OTHER_BODY],
      upstream: 'other',
      reaches: { method: 'POST', url: '/asked', body: 'hi' },
    },
  ),
  'cache.get': read(
    'bodyFilter',
    `pdk.cache.set('get', { a: [1] })
       .then(() => Promise.all([pdk.cache.get('get'), pdk.cache.get('none')]))`,
    [{ a: [1] }, null],
  ),
  'cache.set': read(
    'headerFilter',
    `pdk.cache.set('set', 'value', { ttlMs: 60000 }).then(() => pdk.cache.get('set'))`,
    'value',
  ),
  'cache.delete': read(
    'rewrite',
    `pdk.cache.set('delete', 1).then(() => pdk.cache.delete('delete'))
       .then(() => pdk.cache.get('delete'))`,
    null,
  ),
  'store.get': read(
    'log',
    `pdk.store.set('get', { a: [1] })
       .then(() => Promise.all([pdk.store.get('get'), pdk.store.get('none')]))`,
    [{ a: [1] }, null],
  ),
  'store.set': read(
    'access',
    `pdk.store.set('set', 1)
       .then((first) => pdk.store.set('set', 2, { ifAbsent: true }).then((second) => [first, second]))`,
    [true, false],
  ),
  'store.add': read(
    'beforeProxy',
    `pdk.store.add('add', 2).then(() => pdk.store.add('add', 3))`,
    5,
  ),
  'store.delete': read(
    'rewrite',
    `pdk.store.set('delete', 1)
       .then(() => pdk.store.delete('delete'))
       .then((first) => pdk.store.delete('delete').then((second) => [first, second]))`,
    [true, false],
  ),
  'store.list': read(
    'access',
    `Promise.all(['list/b', 'list/a', 'list/c'].map((key) => pdk.store.set(key, 1)))
       .then(() => pdk.store.list({ prefix: 'list/', after: 'list/a', limit: 1 }))`,
    ['list/b'],
  ),
  'vault.get': read('access', `pdk.vault.get('${SECRET.reference}')`, SECRET.value),
  'crypto.hash': read(
    'access',
    `Promise.all(['abc', new Uint8Array([97, 98, 99])].map((data) => pdk.crypto.hash('sha256', data)))
       .then((hashes) => hashes.map((bytes) => [...bytes.subarray(0, 3)]))`,
    [
      [0xba, 0x78, 0x16],
      [0xba, 0x78, 0x16],
    ],
  ),
  'crypto.hmac': read(
    'access',
    `pdk.crypto.hmac('sha256', 'key', 'The quick brown fox jumps over the lazy dog')
       .then((bytes) => [...bytes.subarray(0, 3)])`,
    [0xf7, 0xbc, 0x83],
  ),
  'crypto.equals': read(
    'headerFilter',
    `Promise.all([pdk.crypto.equals('a', new Uint8Array([97])), pdk.crypto.equals('a', 'b')])`,
    [true, false],
  ),
  'crypto.randomBytes': read(
    'access',
    'pdk.crypto.randomBytes(8).then((bytes) => [bytes instanceof Uint8Array, bytes.length])',
    [true, 8],
  ),
  'crypto.verify': read(
    'access',
    `pdk.crypto.hmac('sha256', 'k', 'data').then((signature) => Promise.all(['data', 'date'].map(
       (data) => pdk.crypto.verify({ algorithm: 'HS256', key: 'k', signature, data }))))`,
    [true, false],
  ),
}
