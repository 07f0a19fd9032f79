import { definePlugin, type Phase, type Plugin } from '@sallyport/sdk'
import { describe, expect, it, onTestFinished } from 'vitest'
import type { Step } from '../../kernel/chain.ts'
import type { RequestContext } from '../../kernel/context.ts'
import type { Environment } from '../../kernel/environment.ts'
import { runPhase } from '../../kernel/run-phase.ts'
import { type ConditionResults, holdsCondition } from '../../kernel/step-condition.ts'
import { Trace } from '../../kernel/trace.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { startUpstream } from '../support/upstream.ts'

const PHASES: readonly Phase[] = ['rewrite', 'access', 'headerFilter', 'log']

/** A plugin that tells in which phases it ran. */
function makeTeller(name: string, priority: number, told: string[]): Plugin {
  const handlers = PHASES.map((phase) => [phase, () => void told.push(`${name}#${phase}`)])
  return { name, version: '1.0.0', priority, ...Object.fromEntries(handlers) } as Plugin
}

async function start(plugins: string, more: readonly Plugin[] = []) {
  const told: string[] = []
  const upstream = await startUpstream()
  onTestFinished(() => upstream.close())
  const gateway = await startTestGateway({
    plugins: [makeTeller('first', 20, told), makeTeller('second', 10, told), ...more],
    gateway: { allowDebugHeader: true },
    yaml: `
_format_version: "3.0"
services:
  - name: main
    url: ${upstream.url}
    routes: [{ name: main, paths: [/] }]
${plugins}
`,
  })
  onTestFinished(() => gateway.close())
  return { gateway, upstream, told }
}

async function ask(gateway: TestGateway, path: string, headers: Record<string, string> = {}) {
  const answer = await fetch(gateway.url + path, { headers })
  await answer.text()
  return answer
}

describe('a plugin with a condition', () => {
  it('runs in all of its phases when it holds, and in none when it does not', async () => {
    const { gateway, told } = await start(
      `plugins: [{ name: first, condition: 'http.path ^= "/a"' }, { name: second }]`,
    )
    await ask(gateway, '/a')
    await ask(gateway, '/b')
    await gateway.logged(2)
    const [inA, inB] = [told.slice(0, 8), told.slice(8)]
    expect(inA).toEqual(PHASES.flatMap((phase) => [`first#${phase}`, `second#${phase}`]))
    expect(inB).toEqual(PHASES.map((phase) => `second#${phase}`))
  })

  it('is told in the trace that it did not run, and why', async () => {
    const { gateway } = await start(
      `plugins: [{ name: first, condition: 'http.path ^= "/a"' }, { name: second }]`,
    )
    const { headers } = await ask(gateway, '/b', { 'sallyport-debug': '1' })
    expect(headers.get('x-sallyport-trace')).toMatch(
      /^first#rewrite [0-9.]+ms not run \(its condition is false\), second#rewrite [0-9.]+ms, first#access [0-9.]+ms not run \(its condition is false\), second#access [0-9.]+ms, /,
    )
  })

  it('can depend on headers, the query and addresses, and on a body filter', async () => {
    const shout = definePlugin({
      name: 'shout',
      version: '1.0.0',
      priority: 1,
      bodyFilter(pdk) {
        pdk.response.setChunk(Buffer.from(pdk.response.getChunk()).toString().toUpperCase())
      },
    })
    const condition = 'any(http.headers.x_shout) == "yes" && net.src.ip in 127.0.0.0/8'
    const { gateway } = await start(`plugins: [{ name: shout, condition: '${condition}' }]`, [
      definePlugin(shout),
    ])
    const bodies = await Promise.all(
      ['yes', 'no'].map(async (value) => {
        const answer = await fetch(gateway.url, { headers: { 'x-shout': value } })
        return answer.text()
      }),
    )
    expect(bodies).toEqual(['HELLO', 'hello'])
  })

  it('lets one plugin answer and another one not', async () => {
    const closed = definePlugin({
      name: 'closed',
      version: '1.0.0',
      priority: 30,
      access: (pdk) => pdk.response.exit(403, { message: 'closed' }),
    })
    const { gateway, told } = await start(
      `plugins:
  - { name: closed, condition: '!(http.method == "GET")' }
  - { name: first, condition: 'http.method == "GET"' }`,
      [closed],
    )
    expect((await ask(gateway, '/')).status).toBe(200)
    const answer = await fetch(gateway.url, { method: 'POST' })
    expect(answer.status).toBe(403)
    await gateway.logged(2)
    expect(told).toEqual(PHASES.map((phase) => `first#${phase}`))
  })

  it('holds for an additional instance and the ordinary one separately', async () => {
    const { gateway, told } = await start(`
plugins: [{ name: first, condition: 'http.path == "/a"' }]
global_plugins: [{ name: first, condition: 'http.path == "/b"' }]`)
    await ask(gateway, '/a')
    await ask(gateway, '/b')
    await ask(gateway, '/c')
    await gateway.logged(3)
    expect(told).toEqual([...PHASES, ...PHASES].map((phase) => `first#${phase}`))
  })

  it('is of no use to the next scope: a narrower instance that does not run is not replaced', async () => {
    const { gateway, told } = await start(`
plugins:
  - { name: first, route: main, condition: 'http.path == "/a"' }
  - { name: first }`)
    await ask(gateway, '/b')
    await gateway.logged(1)
    // The rewrite phase always has the global instance: the route is not known yet.
    expect(told).toEqual(['first#rewrite'])
  })
})

describe('a condition', () => {
  const step = (holds: () => boolean) =>
    ({
      pluginName: 'p',
      instanceId: 'i',
      instanceKey: 'k',
      condition: { text: 'x', holds },
    }) as unknown as Step

  function makeContext() {
    const context = {
      id: 'r',
      path: '/',
      query: '',
      exchange: { method: 'GET', authority: null, headers: [], connection: {} },
      answer: null,
      conditions: null as ConditionResults | null,
    }
    return context as unknown as RequestContext
  }

  it('is evaluated once for a request and an instance', () => {
    let asked = 0
    const ctx = makeContext()
    const one = step(() => ++asked < 2)
    const results = [1, 2, 3].map(() => holdsCondition(ctx, one, {} as Environment))
    expect([results, asked]).toEqual([[true, true, true], 1])
    expect(holdsCondition(makeContext(), one, {} as Environment)).toBe(false)
  })

  it('that is false leaves its text in the trace', () => {
    const trace = new Trace()
    const chain = { in: () => [step(() => false)] }
    const ctx = Object.assign(makeContext(), { chain, trace })
    expect(runPhase(ctx as unknown as RequestContext, 'access', {} as Environment)).toBeUndefined()
    expect(trace.spans).toMatchObject([
      { name: 'p', phase: 'access', outcome: 'not run', detail: 'its condition is false: x' },
    ])
  })

  it('that fails to evaluate lets the plugin run, and says so in the log', () => {
    const lines: unknown[][] = []
    const log = { error: (...line: unknown[]) => void lines.push(line) }
    const broken = step(() => {
      throw new Error('out of order')
    })
    expect(holdsCondition(makeContext(), broken, { log } as unknown as Environment)).toBe(true)
    expect(lines).toEqual([
      [
        { plugin: 'p', instance: 'i', request_id: 'r', err: new Error('out of order') },
        'a condition could not be evaluated: the plugin runs',
      ],
    ])
  })
})
