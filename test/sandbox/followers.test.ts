import fc from 'fast-check'
import { afterAll, beforeAll, describe, expect, onTestFinished, test, vi } from 'vitest'
import { withLimits } from '../../sandbox/limits.ts'
import { createProcessHostFactory } from '../../sandbox/create-hosts.ts'
import { SandboxProcess } from '../../sandbox/process/sandbox-process.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { makeHostOptions, makePlugin } from '../support/host-call.ts'
import { startUpstream, type TestUpstream } from '../support/upstream.ts'
import { PATIENT } from './tiers.ts'

const NAMES = ['a', 'b', 'c', 'd'] as const

/**
 * Each plugin does what the request asks of it in a phase, and then tells what it sees: of the request
 * and of the answer, and what the others have left in `ctx.shared`.
 */
const HEAD = `
const seen = (pdk) => {
  const of = (read) => { try { return read() } catch (error) { return error.code } }
  const own = (headers) =>
    typeof headers === 'string'
      ? headers
      : Object.entries(headers).filter(([name]) => /^(x-[a-cu]p?|connection)$/.test(name)).sort()
  return JSON.stringify([
    own(pdk.request.getHeaders()), pdk.request.getMethod(), pdk.request.getRawQuery(),
    of(() => pdk.response.getStatus()), own(of(() => pdk.response.getHeaders())),
    of(() => new TextDecoder().decode(pdk.response.getChunk())),
    pdk.ctx.shared, pdk.ctx.plugin,
  ])
}
let calls = 0
const act = (phase) => (pdk) => {
  const steps = JSON.parse(pdk.request.getHeader('x-steps') ?? '{}')[NAME]?.[phase] ?? []
  pdk.log.info('saw ' + JSON.stringify([NAME, phase, ++calls]) + seen(pdk))
  for (const [member, ...args] of steps) {
    if (member === 'throw') throw new Error('as asked')
    if (member === 'die') 'ab'.repeat(2 ** 27).split('')
    if (member === 'share') pdk.ctx.shared[args[0]] = args[1]
    else if (member === 'keep') pdk.ctx.plugin[args[0]] = args[1]
    else if (member === 'wait') return Promise.resolve().then(() => pdk.log.info('waited'))
    else if (member === 'ask') return pdk.crypto.hash('sha256', args[0]).then(() => pdk.ctx.shared.asked = args[0])
    else if (member === 'setChunk') pdk.response.setChunk(new TextEncoder().encode(args[0]))
    else {
      const path = member.split('.')
      const name = path.pop()
      path.reduce((at, part) => at[part], pdk)[name](...args)
    }
  }
}
`

const HANDLERS = ['access', 'headerFilter', 'bodyFilter', 'log']
  .map((phase) => `${phase}: act('${phase}')`)
  .join(', ')

interface Side {
  readonly gateway: TestGateway
  /** Frames of calls that went out with a view, and behind one. */
  readonly sent: { call: number; follow: number }
}

/** Four plugins of one tenant; `together` is what this is about, apart is what it is compared with. */
async function startSide(upstream: TestUpstream, together: boolean): Promise<Side> {
  const { options } = makeHostOptions({ limits: PATIENT })
  const real = createProcessHostFactory({ ...options, limits: withLimits(PATIENT) })
  const factory: typeof real = {
    ...real,
    createHost: (asked) => {
      const host = real.createHost(asked)
      if (!together) Object.defineProperty(host, 'takesFollowers', { value: false })
      return host
    },
  }
  const code = NAMES.map((name, index) => {
    const plugin = makePlugin(
      name,
      `priority: ${100 - index}, ${HANDLERS}`,
      `const NAME = '${name}'\n${HEAD}`,
    )
    const phases = ['access', 'headerFilter', 'bodyFilter', 'log'] as const
    return { ...plugin, manifest: { ...plugin.manifest, priority: 100 - index, phases } }
  })
  const gateway = await startTestGateway({
    code,
    gateway: { hostFactories: { process: factory } },
    yaml: `
_format_version: "3.0"
tenants: [{ name: acme }]
services: [{ name: main, url: "${upstream.url}", tenant: acme, routes: [{ name: main, paths: [/], tenant: acme }] }]
consumers: [{ username: ann, keyauth_credentials: [{ key: secret }] }]
plugins:
${NAMES.map((name) => `  - { name: ${name}, route: main, tenant: acme, on_error: ${name === 'd' ? 'skip' : 'fail'} }`).join('\n')}
`,
  })
  return { gateway, sent: { call: 0, follow: 0 } }
}

type Step = readonly unknown[]
type Steps = Readonly<Record<string, Readonly<Record<string, readonly Step[]>>>>

async function ask({ gateway }: Side, steps: Steps) {
  const from = gateway.log.length
  const requests = gateway.accessLog.length
  const answer = await fetch(`${gateway.url}/x?q=1&z=2`, {
    headers: { 'x-steps': JSON.stringify(steps), 'x-a': '1' },
  })
  const body = await answer.text()
  await gateway.logged(requests + 1)
  const headers = Object.fromEntries(
    [...answer.headers].filter(([name]) => !/^(date|x-sallyport|.*latency)/.test(name)),
  )
  const lines = gateway.log.slice(from).map(({ msg }) => String(msg))
  const saw = lines.filter((line) => /^(saw|waited)/.test(line))
  return { status: answer.status, headers, body: hide(body), saw }
}

/** Each request has an id of its own. */
function hide(text: string): string {
  return text.replaceAll(/[0-9a-f]{32}/g, 'ID')
}

let upstream: TestUpstream
let together: Side
let apart: Side
beforeAll(async () => {
  upstream = await startUpstream((seen, response) =>
    response
      .writeHead(200, { 'x-up': '1' })
      .end(`${seen.method} ${seen.url} ${JSON.stringify(seen.headers['x-a'] ?? null)}`),
  )
  ;[together, apart] = await Promise.all([startSide(upstream, true), startSide(upstream, false)])
})
afterAll(async () => {
  await Promise.all([together.gateway.close(), apart.gateway.close()])
  await upstream.close()
})

/** What goes out to children while `work` runs. */
async function countFrames(work: () => Promise<unknown>) {
  const counts: Record<string, number> = {}
  const send = vi.spyOn(SandboxProcess.prototype, 'send')
  onTestFinished(() => send.mockRestore())
  await work()
  for (const [, { name }] of send.mock.calls) counts[name] = (counts[name] ?? 0) + 1
  send.mockRestore()
  return counts
}

describe('handlers of one sandbox behind one another', () => {
  test('go out with one view a phase', async () => {
    const counts = await countFrames(() => ask(together, {}))
    // access, headerFilter, two chunks of bodyFilter (the last is empty), log
    expect(counts['follow']).toBe(counts['call']! * 3)
    expect(await countFrames(() => ask(apart, {}))).toEqual({ call: counts['call']! * 4 })
  })

  test('see what those before have changed', async () => {
    const { saw, body } = await ask(together, {
      a: {
        access: [
          ['service.request.setHeader', 'x-a', 'from a'],
          ['share', 'n', 1],
        ],
      },
      b: { access: [['service.request.setMethod', 'PUT']] },
    })
    expect(body).toBe('PUT /x?q=1&z=2 "from a"')
    const last = saw.find((line) => line.startsWith('saw ["d","access"'))!
    expect(last).toContain('["x-a","from a"]')
    expect(last).toContain('"PUT"')
    expect(last).toContain('{"n":1}')
  })

  test.each<[string, Step, number]>([
    ['an exit', ['response.exit', 403, 'no'], 1],
    // The lines of a handler that failed are not among those of the request.
    ['a failure', ['throw'], 0],
  ])('%s keeps those behind it from running', async (_name, step, ran) => {
    const { saw, status } = await ask(together, { a: { access: [step] } })
    expect(saw.filter((line) => line.includes(',"access",'))).toHaveLength(ran)
    expect(status).toBe(step[0] === 'throw' ? 500 : 403)
  })

  test('what one asks for is answered, and those behind it come after it', async () => {
    const { saw } = await ask(together, { b: { access: [['ask', 'x']] } })
    const order = saw.filter((line) => line.includes(',"access",')).map((line) => line.slice(6, 7))
    expect(order).toEqual(['a', 'b', 'c', 'd'])
    expect(saw.find((line) => line.startsWith('saw ["c","access"'))).toContain('{"asked":"x"}')
  })

  test('do the same as handlers that each get a view of their own', async () => {
    const name = fc.constantFrom('x-a', 'x-b', 'X-A', 'host', 'connection')
    const value = fc.constantFrom<unknown>('1', 'two', ['x', 'y'], 7, '')
    const onRequest = fc.oneof(
      fc.tuple(
        fc.constantFrom('service.request.setHeader', 'service.request.addHeader'),
        name,
        value,
      ),
      fc.tuple(fc.constant('service.request.clearHeader'), name),
      fc.tuple(
        fc.constant('service.request.setHeaders'),
        fc.constant({ 'X-B': '2', 'x-a': ['3', '4'] }),
      ),
      fc.tuple(fc.constant('service.request.setMethod'), fc.constantFrom('PUT', 'DELETE')),
      fc.tuple(fc.constant('service.request.setRawQuery'), fc.constantFrom('n=1', '')),
      fc.tuple(fc.constant('service.request.setQuery'), fc.constant({ m: ['1', '2'] })),
      fc.tuple(fc.constant('service.request.clearQueryArg'), fc.constantFrom('q', 'n')),
      fc.tuple(fc.constant('service.request.setPath'), fc.constant('/other')),
      fc.tuple(fc.constant('service.request.setBody'), fc.constant({ a: 'b' })),
      fc.tuple(fc.constant('service.setRetries'), fc.nat(3)),
      fc.tuple(fc.constant('response.exit'), fc.constantFrom(200, 403), fc.constant('out')),
    )
    const onAnswer = fc.oneof(
      fc.tuple(fc.constantFrom('response.setHeader', 'response.addHeader'), name, value),
      fc.tuple(fc.constant('response.clearHeader'), fc.constantFrom('x-up', 'x-a')),
      fc.tuple(fc.constant('response.setHeaders'), fc.constant({ 'X-Up': '2', 'x-c': ['3', '4'] })),
      fc.tuple(fc.constant('response.setStatus'), fc.constantFrom(200, 202, 404)),
    )
    const anywhere = fc.oneof(
      fc.tuple(
        fc.constantFrom('share', 'keep'),
        fc.constantFrom('k', 'l'),
        fc.constantFrom(1, { deep: [1] }),
      ),
      fc.constantFrom<unknown[]>(['wait'], ['throw'], ['ask', 'x'], ['log.info', 'a line']),
    )
    const steps = (...choices: fc.Arbitrary<unknown[]>[]) =>
      fc.array(fc.oneof(...choices), { maxLength: 2 })
    const phases = fc.record({
      access: steps(onRequest, onRequest, onAnswer, anywhere),
      headerFilter: steps(onAnswer, onAnswer, anywhere),
      bodyFilter: steps(
        fc.tuple(fc.constant('setChunk'), fc.constantFrom('new', 'grün')),
        fc.tuple(fc.constantFrom('share', 'keep'), fc.constant('k'), fc.nat(3)),
      ),
      log: steps(anywhere),
    })
    const plan = fc.record({ a: phases, b: phases, c: phases, d: phases })
    const normal = ({ saw, ...rest }: Awaited<ReturnType<typeof ask>>) => ({
      ...rest,
      // How often a handler was called before is not the same on both sides.
      saw: saw.map((line) => hide(line).replace(/,\d+\]/, ']')),
    })
    await fc.assert(
      fc.asyncProperty(plan, async (steps) => {
        const [one, other] = [await ask(together, steps), await ask(apart, steps)]
        // One text says where they part; two trees of them would fill pages.
        expect(JSON.stringify(normal(one), null, 1)).toBe(JSON.stringify(normal(other), null, 1))
      }),
      { numRuns: 150 },
    )
  })

  // Last: after it, calls go one by one for a while.
  test('a child that dies of one of them is replaced, and each is called again by itself', async () => {
    const { status, saw } = await ask(together, { d: { access: [['die']] } })
    expect(status).toBe(200)
    const ran = (phase: string) =>
      saw.filter((line) => line.includes(`,"${phase}",`)).map((line) => line.slice(6, 7))
    // `d` may be skipped; whatever was done twice counts once.
    expect(ran('access')).toEqual(['a', 'b', 'c'])
    expect(ran('headerFilter')).toEqual(['a', 'b', 'c', 'd'])
    // The modules of another child.
    expect(saw.find((line) => line.startsWith('saw ["d","headerFilter"'))).toContain(
      '"headerFilter",1]',
    )
  })
})
