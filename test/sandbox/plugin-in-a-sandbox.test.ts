import { PdkError, type Phase } from '@sallyport/sdk'
import { afterEach, describe, expect, test } from 'vitest'
import type { PluginCode, PluginHost } from '../../kernel/plugin-host.ts'
import { makeCall, makePlugin } from '../support/host-call.ts'
import { ISOLATED_TIERS, startHost, TIERS } from './tiers.ts'

const hosts: PluginHost[] = []
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()))
})

const CONSUMER = { id: 'c1', username: 'ann', custom_id: null, tags: null }
const CREDENTIAL = { id: 'k1', consumer: { id: 'c1' } }

describe.each(TIERS)('a plugin in the %s tier', (tier) => {
  /** What an isolate has of its own; a remote program has what its Node has. */
  const isIsolated = ISOLATED_TIERS.includes(tier)

  async function start(plugins: PluginCode | PluginCode[], config?: unknown) {
    const started = await startHost(tier, [plugins].flat(), config)
    hosts.push(started.host)
    return started
  }

  async function run(body: string, options: Partial<Parameters<typeof makeCall>[0]> = {}) {
    const phase: Phase = options.phase ?? 'access'
    const { host, lines } = await start(makePlugin('p', `${phase}(pdk, config) { ${body} }`))
    const call = makeCall({ key: 'key', ...options, phase })
    await host.call(call)
    return { result: call.applied[0]!, changes: call.applied[0]!.changes, call, lines }
  }

  /** Runs an expression in a handler and gives its value as JSON through a log line. */
  async function evaluate(
    expression: string,
    options: Partial<Parameters<typeof makeCall>[0]> = {},
  ) {
    const { changes } = await run(
      `const value = (${expression}); pdk.log.info(JSON.stringify(value))`,
      options,
    )
    return JSON.parse(changes[0]![1] as string) as unknown
  }

  test('reads the request that it was given', async () => {
    const value = await evaluate(`[
      pdk.client.getIp(), pdk.client.getPort(), pdk.client.getForwardedIp(),
      pdk.client.getConsumer(), pdk.client.getCredential(),
      pdk.request.getScheme(), pdk.request.getHost(), pdk.request.getPort(),
      pdk.request.getHttpVersion(), pdk.request.getMethod(), pdk.request.getPath(),
      pdk.request.getRawPath(), pdk.request.getPathWithQuery(), pdk.request.getRawQuery(),
      pdk.request.getQueryArg('x'), pdk.request.getQueryArg('y'), pdk.request.getQueryArg('z'),
      pdk.request.getQueryArg('none'), pdk.request.getHeader('X-a'), pdk.request.getHeader('none'),
      pdk.request.getHeaders(), pdk.request.getHeaders({ maxHeaders: 1 }),
      pdk.request.getStartTime(), pdk.request.getId(),
      pdk.router.getRoute(), pdk.router.getService(),
      pdk.node.getId(), pdk.node.getHostname(), pdk.plugin.getId(),
    ]`)
    expect(value).toEqual([
      ...['192.0.2.1', 5_000, '198.51.100.7', null, null],
      ...['http', 'example.com', 8_000, '1.1', 'GET', '/a b'],
      ...['/a%20b', '/a b?x=1&y&z=a%20b', 'x=1&y&z=a%20b'],
      ...['1', true, 'a b', null, '1', null],
      { host: 'example.com', 'x-a': ['1', '2'] },
      { host: 'example.com' },
      ...[1_000, 'request-1', null, null],
      ...['node-1', 'gateway-1', 'id-p'],
    ])
  })

  test('records its changes in order and reads them back', async () => {
    const { changes } = await run(
      `pdk.response.setStatus(404)
       pdk.response.setHeader('Server', ['a', 2])
       pdk.response.addHeader('server', 'b')
       pdk.response.setHeaders({ b: '1', a: '2' })
       pdk.log.warn(pdk.response.getStatus(), pdk.response.getHeaders(), pdk.response.getSource())
       pdk.response.clearHeader('server')
       pdk.log.err(pdk.response.getHeader('server'), pdk.service.response.getHeader('server'),
         pdk.service.response.getStatus(), pdk.balancer.getTarget())`,
      {
        phase: 'headerFilter',
        view: {
          response: { status: 200, headers: ['Server', 'x'], source: 'service' },
          serviceResponse: { status: 201, headers: ['Server', 'y'] },
          target: { host: '10.0.0.1', port: 80, tryNumber: 2 },
        },
      },
    )
    expect(changes).toEqual([
      ['response.setStatus', 404],
      ['response.setHeader', 'Server', ['a', '2']],
      ['response.addHeader', 'server', 'b'],
      ['response.setHeaders', { a: '2', b: '1' }],
      ['log.warn', '404{"server":["a","2","b"],"a":"2","b":"1"}service'],
      ['response.clearHeader', 'server'],
      ['log.err', 'nully201{"host":"10.0.0.1","port":80,"tryNumber":2}'],
    ])
  })

  test('changes what goes to the upstream and who the consumer is', async () => {
    const { changes } = await run(
      `pdk.service.request.setHeader('x', 'ä')
       pdk.service.request.addHeader('x', 1)
       pdk.service.request.clearHeader('y')
       pdk.service.request.setHeaders({ z: ['1', '2'] })
       pdk.service.request.clearQueryArg('x')
       pdk.client.authenticate(${JSON.stringify(CONSUMER)}, ${JSON.stringify(CREDENTIAL)})
       pdk.log.debug(pdk.client.getConsumer().username, pdk.client.getCredential().id)`,
    )
    expect(changes).toEqual([
      ['service.request.setHeader', 'x', 'ä'],
      ['service.request.addHeader', 'x', '1'],
      ['service.request.clearHeader', 'y'],
      ['service.request.setHeaders', { z: ['1', '2'] }],
      ['service.request.clearQueryArg', 'x'],
      ['client.authenticate', CONSUMER, CREDENTIAL],
      ['log.debug', 'annk1'],
    ])
  })

  test('filters a chunk of the body', async () => {
    const { changes } = await run(
      `const text = new TextDecoder().decode(pdk.response.getChunk())
       pdk.response.setChunk(text.toUpperCase())
       pdk.log.info(new TextDecoder().decode(pdk.response.getChunk()), pdk.response.isLast())`,
      { phase: 'bodyFilter', view: { chunk: { base64: btoa('grün'), isLast: true } } },
    )
    expect(changes[0]).toEqual([
      'response.setChunk',
      { base64: Buffer.from('GR\ufffdN').toString('base64') },
    ])
    expect(changes[1]).toEqual(['log.info', 'GR\ufffdNtrue'])
  })

  test.each([
    ['text', `'no'`, ['no']],
    ['JSON', `{ a: [1] }`, [{ a: [1] }]],
    ['nothing', 'undefined', []],
    ['bytes', 'new Uint8Array([1, 2, 255])', [{ base64: 'AQL/' }]],
  ])(
    'exits with %s; the first exit wins and nothing can be changed after it',
    async (_name, body, sent) => {
      const { changes } = await run(`
      pdk.response.exit(403, ${body})
      pdk.response.exit(200)
      try { pdk.response.setHeader('a', 'b') } catch (error) { pdk.log.info(error.code) }`)
      expect(changes).toEqual([
        ['response.exit', 403, ...sent],
        ['log.info', 'ALREADY_EXITED'],
      ])
    },
  )

  test('an object that is spelled like bytes still arrives as JSON', async () => {
    const { changes } = await run(`pdk.response.exit(200, { base64: 'eA==' }, { a: 'b' })`)
    const json = Buffer.from('{"base64":"eA=="}').toString('base64')
    expect(changes).toEqual([
      [
        'response.exit',
        200,
        { base64: json },
        { a: 'b', 'Content-Type': 'application/json; charset=utf-8' },
      ],
    ])
  })

  test.each([
    [
      'pdk.response.getStatus()',
      'WRONG_PHASE: response.getStatus cannot be called in access; it can be called in: response, headerFilter, bodyFilter, log',
    ],
    [
      `pdk.response.setHeader('a b', 'c')`,
      'BAD_ARGUMENT: response.setHeader: expected a header name, got "a b"',
    ],
    [
      `pdk.response.setHeader('a', 'b\\r\\nc: d')`,
      'BAD_ARGUMENT: response.setHeader: expected a header value of visible latin1 characters, got "b\\r\\nc: d"',
    ],
    [
      `pdk.response.setHeader('Content-Length', '1')`,
      'BAD_ARGUMENT: response.setHeader: expected a header that does not frame the message, got "Content-Length"',
    ],
    [
      `pdk.service.request.setHeader('Expect', '100-continue')`,
      'BAD_ARGUMENT: service.request.setHeader: expected a header that does not frame the message, got "Expect"',
    ],
    [
      `pdk.response.exit(99)`,
      'BAD_ARGUMENT: response.exit: expected a status from 200 to 599, got 99',
    ],
    [
      `pdk.client.authenticate(null, null)`,
      'BAD_ARGUMENT: client.authenticate: expected a consumer or a credential, got null for both',
    ],
  ])('%s is refused with a clear text', async (expression, text) => {
    const { changes } = await run(
      `try { ${expression} } catch (error) { pdk.log.info(error.code + ': ' + error.message) }`,
    )
    expect(changes).toEqual([['log.info', text]])
  })

  test('waits for an effect that the kernel executes', async () => {
    const { host } = await start(
      makePlugin(
        'p',
        `async access(pdk) {
          const credential = await pdk.client.loadCredential('keyauth_credentials', 'secret')
          const consumer = await pdk.client.loadConsumer(credential.consumer.id)
          pdk.client.authenticate(consumer, credential)
        }`,
      ),
    )
    const call = makeCall({
      key: 'key',
      effect: (member) => Promise.resolve(member === 'client.loadConsumer' ? CONSUMER : CREDENTIAL),
    })
    await host.call(call)
    expect(call.effects).toEqual([
      ['client.loadCredential', ['keyauth_credentials', 'secret']],
      ['client.loadConsumer', ['c1']],
    ])
    expect(call.applied[0]!.changes).toEqual([['client.authenticate', CONSUMER, CREDENTIAL]])
  })

  test('gets a body of 1 MB whole and gives one back whole', async () => {
    const body = new Uint8Array(1024 * 1024).map((_, index) => (index * 31) % 256)
    const { changes } = await run(
      `return pdk.request.getRawBody().then((bytes) => {
         pdk.log.info(bytes instanceof Uint8Array, bytes.length)
         pdk.service.request.setRawBody(bytes)
       })`,
      { effect: () => Promise.resolve(body) },
    )
    expect(changes[0]).toEqual(['log.info', 'true1048576'])
    const [member, given] = changes[1] as [string, { base64: string }]
    expect(member).toBe('service.request.setRawBody')
    expect(Buffer.from(given.base64, 'base64').equals(body)).toBe(true)
  })

  test('catches the failure of an effect with its code', async () => {
    const { changes } = await run(
      `return pdk.client.loadConsumer('x').catch((error) => pdk.log.info(error.name, error.message))`,
      { effect: () => Promise.reject(new PdkError('NOT_FOUND', 'no such consumer')) },
    )
    expect(changes).toEqual([['log.info', 'PdkErrorno such consumer']])
  })

  test.each([
    ['values', `Array(20_001).fill(1)`],
    ['characters', `'x'.repeat(2 ** 21)`],
  ])('is told when it asks for an effect with too many %s, and goes on', async (what, value) => {
    const { changes, call } = await run(
      `return pdk.cache.set('key', ${value}).catch((error) => pdk.log.info(error.code, ': ', error.message))`,
    )
    expect(changes).toEqual([['log.info', expect.stringMatching(`^LIMIT: cache.set: .* ${what}`)]])
    expect(call.effects).toEqual([])
  })

  test('is told when it asks for too much at once, and the rest is answered', async () => {
    const { changes } = await run(
      `return Promise.allSettled(Array.from({ length: 65 }, () => pdk.cache.get('key')))
         .then((all) => pdk.log.info(all.map(({ reason }) => reason?.code).filter(Boolean).join()))`,
    )
    expect(changes).toEqual([['log.info', 'LIMIT']])
  })

  test('several calls wait at the same time and none gets the answer of another', async () => {
    const { host } = await start(
      makePlugin(
        'p',
        `async access(pdk) {
          const { username } = await pdk.client.loadConsumer(pdk.request.getId())
          pdk.response.setHeader('x', username + pdk.request.getId())
        }`,
      ),
    )
    const calls = Array.from({ length: 50 }, (_, index) =>
      makeCall({
        key: 'key',
        view: { request: { id: `r${index}` } },
        effect: async (_member, [id]) => {
          await new Promise((resolve) => setTimeout(resolve, (index * 7) % 20))
          return { ...CONSUMER, username: `for-${String(id)}-` }
        },
      }),
    )
    await Promise.all(calls.map(async (call) => host.call(call)))
    expect(calls.map((call) => call.applied[0]!.changes[0]![2])).toEqual(
      calls.map((_, index) => `for-r${index}-r${index}`),
    )
  })

  test('sleeps with setTimeout and can take a timer back', async () => {
    const { changes } = await run(
      `clearTimeout(setTimeout(() => pdk.log.err('never'), 1))
       return new Promise((resolve) => setTimeout(resolve, 20, 'x')).then((x) => pdk.log.info(x))`,
    )
    expect(changes).toEqual([['log.info', 'x']])
  })

  test('what the handler keeps for later tells that it is over', async () => {
    const { host } = await start(
      makePlugin(
        'p',
        `access(pdk) {
          if (globalThis.kept === undefined) { globalThis.kept = pdk; return }
          for (const use of [() => kept.request.getMethod(), () => kept.ctx.shared, () => kept.log.info('')]) {
            try { use() } catch (error) { pdk.log.info(error.code) }
          }
        }`,
      ),
    )
    await host.call(makeCall({ key: 'key' }))
    const second = makeCall({ key: 'key' })
    await host.call(second)
    expect(second.applied[0]!.changes).toEqual([
      ['log.info', 'HANDLER_OVER'],
      ['log.info', 'HANDLER_OVER'],
      ['log.info', 'HANDLER_OVER'],
    ])
  })

  test('gives back ctx only when it was changed', async () => {
    const ctx = { shared: { a: 1 }, plugin: { list: [1] } }
    const untouched = await run(`pdk.log.info(pdk.ctx.shared.a, pdk.ctx.plugin.list)`, {
      view: { ctx },
    })
    expect(untouched.result).toEqual({ changes: [['log.info', '1[1]']] })
    const changed = await run(`pdk.ctx.shared.b = 2; pdk.ctx.plugin.list.push({ x: null })`, {
      view: { ctx },
    })
    expect(changed.result).toEqual({
      changes: [],
      shared: { a: 1, b: 2 },
      plugin: { list: [1, { x: null }] },
    })
  })

  test.each([
    ['a throw', `throw new TypeError('not today')`, /TypeError: not today/],
    ['a throw of a string', `throw 'text'`, /no Error was thrown: text/],
    ['a rejection', `return Promise.reject(new Error('later'))`, /Error: later/],
    [
      'ctx.shared beyond 16 KB',
      `pdk.ctx.shared.x = 'x'.repeat(20000)`,
      /ctx.shared is \d+ char.*16384/,
    ],
    ['a huge result', `pdk.response.exit(200, 'x'.repeat(5e6))`, /result is 50000\d+ characters/],
    [
      'a deep result',
      `let o = {}; for (let i = 0; i < 80; i++) o = { o }; pdk.response.exit(200, o)`,
      /nested deeper than 64/,
    ],
    [
      'a very deep result',
      `let o = {}; for (let i = 0; i < 2e4; i++) o = { o }; pdk.response.exit(200, o)`,
      /RangeError|nested deeper/,
    ],
    [
      'too many changes',
      `for (let i = 0; i < 2000; i++) pdk.response.addHeader('a', 'b')`,
      /up to 1000 changes/,
    ],
    ['a message that cannot be read', `throw { get message() { throw 1 } }`, /cannot be read/],
    [
      'a hostile constructor of a promise',
      `const p = Promise.resolve(); Object.defineProperty(p, 'constructor', { get() { throw new Error('gotcha') } }); return p`,
      /gotcha/,
    ],
  ])('%s fails the call with kind error', async (_name, body, text) => {
    const { host } = await start(makePlugin('p', `access(pdk) { ${body} }, rewrite() {}`))
    const call = makeCall({ key: 'key' })
    await expect(Promise.resolve().then(() => host.call(call))).rejects.toMatchObject({
      kind: 'error',
      message: expect.stringMatching(text) as string,
    })
    expect(call.applied).toEqual([])
    await host.call(makeCall({ key: 'key', phase: 'rewrite' }))
  })

  test('what a handler that failed has said to pdk.log reaches the log', async () => {
    const { host, lines } = await start(
      makePlugin('p', `access(pdk) { pdk.log.warn('about to ', [1]); throw new Error('x') }`),
    )
    await expect(
      Promise.resolve().then(() => host.call(makeCall({ key: 'key' }))),
    ).rejects.toThrow()
    expect(lines).toContain('warn: about to [1]')
  })

  test.runIf(isIsolated)(
    'what a handler that failed has said to the console reaches the log',
    async () => {
      const { host, lines } = await start(
        makePlugin(
          'p',
          `access(pdk) { console.warn('about to', { fail: 1 }); throw new Error('x') }`,
        ),
      )
      await expect(
        Promise.resolve().then(() => host.call(makeCall({ key: 'key' }))),
      ).rejects.toThrow()
      expect(lines).toContain('warn: about to {"fail":1}')
    },
  )

  test('a failure after response.exit says that the handler had decided', async () => {
    const { host } = await start(
      makePlugin('p', `access(pdk) { pdk.response.exit(403); throw new Error('x') }`),
    )
    await expect(
      Promise.resolve().then(() => host.call(makeCall({ key: 'key' }))),
    ).rejects.toMatchObject({ decided: true })
  })

  test('writes 64 lines of 4 KB at most', async () => {
    const { changes } = await run(`for (let i = 0; i < 100; i++) pdk.log.info('x'.repeat(5000))`)
    expect(changes).toHaveLength(64)
    expect((changes[0]![1] as string).length).toBe(4_096)
    expect(changes[63]![1]).toMatch(/more than 64 lines/)
  })

  test.runIf(isIsolated)('keeps state between calls that is its own', async () => {
    const count =
      'access(pdk) { globalThis.n = (globalThis.n ?? 0) + 1; pdk.log.info(globalThis.n) }'
    const { host } = await start([makePlugin('p', count), makePlugin('q', count)])
    const values = []
    for (const key of ['key', 'key', 'key-q']) {
      const call = makeCall({ key })
      await host.call(call)
      values.push(call.applied[0]!.changes[0]![1])
    }
    expect(values).toEqual(['1', '2', '1'])
  })

  test('serves old and new instances beside each other until the old ones are taken away', async () => {
    const plugin = makePlugin(
      'p',
      `init(pdk) { pdk.log.info('init') },
       configure(pdk, configs) { pdk.log.info('configure ', configs) },
       access(pdk, config) { pdk.log.info(config.name) }`,
    )
    const { host, lines } = await start(plugin, { name: 'old' })
    const old = { key: 'key', id: 'id', pluginName: 'p', config: { name: 'old' } }
    const young = { key: 'young', id: 'id', pluginName: 'p', config: { name: 'young' } }
    await host.configure([old, young])
    for (const [key, name] of [
      ['key', 'old'],
      ['young', 'young'],
    ] as const) {
      const call = makeCall({ key })
      await host.call(call)
      expect(call.applied[0]!.changes).toEqual([['log.info', name]])
    }
    await host.configure([young])
    await expect(Promise.resolve().then(() => host.call(makeCall({ key: 'key' })))).rejects.toThrow(
      /no instance "key"/,
    )
    expect(lines).toEqual([
      'info: init',
      'info: configure [{"name":"old"}]',
      'info: configure [{"name":"old"},{"name":"young"}]',
      'info: configure [{"name":"young"}]',
    ])
  })

  test('a configuration that is refused leaves the one before in force', async () => {
    const plugin = makePlugin(
      'p',
      `async configure(pdk, configs) { await new Promise((r) => setTimeout(r, 1)); if (configs.some((c) => c.bad)) throw new Error('bad') },
       access(pdk) { pdk.log.info('served') }`,
    )
    const { host } = await start(plugin, {})
    await expect(
      host.configure([{ key: 'new', id: 'id', pluginName: 'p', config: { bad: true } }]),
    ).rejects.toThrow(/bad/)
    const call = makeCall({ key: 'key' })
    await host.call(call)
    expect(call.applied[0]!.changes).toEqual([['log.info', 'served']])
  })

  test('cannot leave anything in its configuration', async () => {
    const { host } = await start(
      makePlugin(
        'p',
        `access(pdk, config) { try { config.list.push(1) } catch (e) { pdk.log.info(e.name) } }`,
      ),
      { list: [] },
    )
    const call = makeCall({ key: 'key' })
    await host.call(call)
    expect(call.applied[0]!.changes).toEqual([['log.info', 'TypeError']])
  })

  test('a call that waits for ever ends at its deadline, and others go on', async () => {
    const { host } = await start(
      makePlugin(
        'p',
        `access() { return new Promise(() => {}) }, rewrite(pdk) { pdk.log.info('on') }`,
      ),
    )
    await expect(host.call(makeCall({ key: 'key', timeoutMs: 50 }))).rejects.toMatchObject({
      kind: 'timeout',
    })
    const call = makeCall({ key: 'key', phase: 'rewrite' })
    await host.call(call)
    expect(call.applied[0]!.changes).toEqual([['log.info', 'on']])
    expect(host.stats()).toMatchObject({ kills: 0, timeouts: 1 })
  })

  test.runIf(isIsolated)('has the globals of the list and none of the others', async () => {
    const value = await evaluate(`Object.fromEntries(['WebAssembly', 'SharedArrayBuffer', 'Atomics',
      'FinalizationRegistry', 'WeakRef', 'Intl', 'process', 'require', 'Buffer', 'fetch', 'setInterval',
      'sallyport:library', 'TextEncoder', 'TextDecoder', 'atob', 'btoa', 'structuredClone', 'crypto',
      'console', 'setTimeout', 'clearTimeout'].map((name) => [name, typeof globalThis[name]]))`)
    const has = (type: string, names: string[]) =>
      Object.fromEntries(names.map((name) => [name, type]))
    expect(value).toEqual({
      ...has('undefined', ['WebAssembly', 'SharedArrayBuffer', 'Atomics', 'FinalizationRegistry']),
      ...has('undefined', [
        'WeakRef',
        'Intl',
        'process',
        'require',
        'Buffer',
        'fetch',
        'setInterval',
      ]),
      ...has('undefined', ['sallyport:library']),
      ...has('function', ['TextEncoder', 'TextDecoder', 'atob', 'btoa', 'structuredClone']),
      ...has('function', ['setTimeout', 'clearTimeout']),
      ...has('object', ['crypto', 'console']),
    })
  })

  test.runIf(isIsolated).each([
    ['the global', 'ArrayBuffer'],
    ['an instance', 'new Uint8Array(1).buffer.constructor'],
    ['a subclass', 'class extends ArrayBuffer {}'],
  ])('gets no resizable buffer through %s', async (_name, constructor) => {
    const value = await evaluate(
      `(() => { const b = new (${constructor})(8, { maxByteLength: 1e9 }); return [b.byteLength, b.resizable, typeof b.resize] })()`,
    )
    expect(value).toEqual([8, false, 'undefined'])
  })

  test.runIf(isIsolated)('what it does to the language does not reach the library', async () => {
    const { changes } = await run(
      `JSON.stringify = () => 'gotcha'; JSON.parse = () => ({}); Promise.prototype.then = () => 0
       Map.prototype.get = () => 0; Map.prototype.delete = () => 0; String = () => 'gotcha'
       pdk.response.setHeader('a', 'b'); return (async () => 1)()`,
    )
    expect(changes).toEqual([['response.setHeader', 'a', 'b']])
  })

  test('imports the SDK, whose errors are those of the PDK', async () => {
    const { host } = await start(
      makePlugin(
        'p',
        `config: Type.Object({}), access(pdk) { try { pdk.response.exit(1) } catch (e) { pdk.log.info(e instanceof PdkError) } }`,
        `import { PdkError, Type } from '@sallyport/sdk'`,
      ),
    )
    const call = makeCall({ key: 'key' })
    await host.call(call)
    expect(call.applied[0]!.changes).toEqual([['log.info', 'true']])
  })

  test('is closed: calls are refused', async () => {
    const { host } = await start(makePlugin('p', `access() {}`))
    await host.close()
    expect(host.state).toBe('closed')
    await expect(host.call(makeCall({ key: 'key' }))).rejects.toMatchObject({ kind: 'unavailable' })
  })
})
