import { HostFailure, type Phase, type Plugin } from '@sallyport/sdk'
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest'
import type { HostCall, HostFactory, PluginCode } from '../../kernel/plugin-host.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { toInlineCode } from '../support/inline-plugins.ts'
import { startUpstream, type TestUpstream } from '../support/upstream.ts'

/**
 * What a sandbox sends is hostile input. Here the host itself is the enemy: it hands the kernel
 * whatever a test wants as the result of a call.
 */
let result: (call: HostCall) => unknown = () => ({ changes: [] })
const failures: unknown[] = []

const hostile: HostFactory = {
  createHost: ({ name }) => ({
    tier: 'process',
    name,
    state: 'ready',
    configure: () => Promise.resolve(),
    call(call) {
      try {
        call.apply(result(call))
      } catch (error) {
        failures.push(error)
        throw error
      }
    },
    stats: () => ({
      calls: 0,
      errors: 0,
      timeouts: 0,
      kills: 0,
      starts: 0,
      queued: 0,
      rssBytes: 0,
    }),
    close: () => Promise.resolve(),
  }),
}

function sandboxed(name: string, phases: readonly Phase[]): PluginCode {
  const handlers = Object.fromEntries(phases.map((phase) => [phase, () => {}]))
  const plugin = { name, version: '1.0.0', ...handlers } as Plugin
  return { ...toInlineCode(plugin), tier: 'process', module: null, source: '' }
}

let upstream: TestUpstream
let gateway: TestGateway
beforeAll(async () => {
  upstream = await startUpstream()
  gateway = await startTestGateway({
    yaml: `
_format_version: "3.0"
services:
  - { name: main, url: "${upstream.url}", routes: [{ name: main, paths: [/] }] }
plugins: [{ name: enemy }]
`,
    code: [sandboxed('enemy', ['access'])],
    gateway: { hostFactories: { process: hostile } },
  })
})
afterAll(async () => {
  await gateway.close()
  await upstream.close()
})
beforeEach(() => {
  failures.length = 0
})

describe('a result that is right', () => {
  it('is applied in order', async () => {
    result = () => ({
      changes: [
        ['response.setHeader', 'x-a', '1'],
        ['response.addHeader', 'x-a', '2'],
        ['service.request.setHeader', 'x-b', ['3', '4']],
      ],
      shared: { seen: true },
    })
    const response = await fetch(gateway.url)
    expect(response.headers.get('x-a')).toBe('1, 2')
    expect(upstream.seen.at(-1)!.headers['x-b']).toBe('3, 4')
  })

  it('may answer the request', async () => {
    result = () => ({ changes: [['response.exit', 403, { base64: 'aGk=' }, { 'x-c': '1' }]] })
    const response = await fetch(gateway.url)
    expect([response.status, await response.text()]).toEqual([403, 'hi'])
    expect(response.headers.get('x-c')).toBe('1')
  })
})

describe('a result that is not right is refused as a whole', () => {
  const cyclic: Record<string, unknown> = {}
  cyclic['self'] = cyclic
  it.each<[string, unknown]>([
    ['nothing', undefined],
    ['null', null],
    ['a string', 'x'],
    ['a list', []],
    ['no changes', {}],
    ['changes that are no list', { changes: 'x' }],
    ['a change that is no list', { changes: ['response.setHeader'] }],
    ['too many changes', { changes: Array(1001).fill(['log.info', 'x']) }],
    ['too many lines for the log', { changes: Array(65).fill(['log.info', 'x']) }],
    [
      'too many values of headers',
      { changes: [0, 1, 2].map((n) => ['response.addHeader', `x-${n}`, Array(100).fill('v')]) },
    ],
    [
      'too long headers',
      { changes: [0, 1, 2].map((n) => ['response.setHeader', `x-${n}`, 'v'.repeat(30_000)]) },
    ],
    [
      'too many headers of an exit',
      { changes: [['response.exit', 200, '', { 'x-a': Array(100).fill('v'.repeat(1_000)) }]] },
    ],
    [
      'too many changes of path and query',
      { changes: Array(33).fill(['service.request.clearQueryArg', 'a']) },
    ],
    ['too many arguments', { changes: [Array(100).fill('log.info')] }],
    ['an unknown member', { changes: [['response.setHeaderz', 'a', 'b']] }],
    ['a member of every object', { changes: [['constructor', 'a', 'b']] }],
    ['__proto__', { changes: [['__proto__', 'a', 'b']] }],
    ['a reading member', { changes: [['request.getHeader', 'a']] }],
    ['a member of another phase', { changes: [['response.setChunk', 'a']] }],
    ['a header name with a line break', { changes: [['response.setHeader', 'a\r\nb', 'c']] }],
    ['a header value with a line break', { changes: [['response.setHeader', 'a', 'b\r\nc: d']] }],
    ['a header value with NUL', { changes: [['response.setHeader', 'a', 'b\0']] }],
    ['a header value above latin1', { changes: [['response.setHeader', 'a', 'Ā']] }],
    ['a framing header', { changes: [['response.setHeader', 'Content-Length', '1']] }],
    ['transfer-encoding', { changes: [['service.request.setHeader', 'TRANSFER-encoding', 'x']] }],
    ['a status that is none', { changes: [['response.exit', 42]] }],
    ['an informational status', { changes: [['response.exit', 101]] }],
    ['a header object that is a list', { changes: [['response.exit', 200, '', ['a']]] }],
    ['an invented consumer', { changes: [['client.authenticate', { id: 'x' }, null]] }],
    ['nobody', { changes: [['client.authenticate', null, null]] }],
    ['a context that is no object', { changes: [], shared: 'x' }],
    ['a context that is too large', { changes: [], plugin: { a: 'x'.repeat(20_000) } }],
    [
      'a change after an exit',
      {
        changes: [
          ['response.exit', 200],
          ['response.setStatus', 201],
        ],
      },
    ],
  ])('%s', async (_what, hostileResult) => {
    result = () => hostileResult
    const before = upstream.seen.length
    const response = await fetch(gateway.url)
    expect(response.status).toBe(500)
    expect(await response.text()).toContain('An unexpected error occurred')
    expect(failures[0]).toBeInstanceOf(HostFailure)
    expect((failures[0] as HostFailure).kind).toBe('refused')
    expect(upstream.seen.length).toBe(before)
  })

  it('leaves nothing behind of the changes before the bad one', async () => {
    await gateway.reload(`
_format_version: "3.0"
services:
  - { name: main, url: "${upstream.url}", routes: [{ name: main, paths: [/] }] }
plugins: [{ name: enemy, on_error: skip }]
`)
    result = () => ({
      changes: [
        ['response.setHeader', 'x-a', '1'],
        ['service.request.setHeader', 'x-b', '1'],
        ['nonsense'],
      ],
    })
    const response = await fetch(gateway.url)
    expect(response.status).toBe(200)
    expect(response.headers.get('x-a')).toBeNull()
    expect(upstream.seen.at(-1)!.headers['x-b']).toBeUndefined()
  })

  it('is not skipped when it had already answered the request', async () => {
    result = () => ({ changes: [['response.exit', 403], ['nonsense']] })
    expect((await fetch(gateway.url)).status).toBe(500)
  })
})
