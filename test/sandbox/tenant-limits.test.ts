import { describe, expect, onTestFinished, test, vi } from 'vitest'
import type { PluginCode } from '../../kernel/plugin-host.ts'
import { createProcessHostFactory } from '../../sandbox/create-hosts.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { makeHostOptions, makePlugin } from '../support/host-call.ts'
import { until } from '../support/test-primary.ts'
import { startUpstream } from '../support/upstream.ts'

/**
 * What the operator allows: so much that no machine is too slow for it. What a tenant is stopped at is
 * what it has lowered.
 */
const OPERATOR = {
  handlerCpuMs: 8_000,
  guestTurnMs: 30_000,
  silenceMs: 40_000,
  loadMs: 20_000,
  handlerTimeoutMs: 60_000,
  tenantCpuMs: 600_000,
  tenantCpuFillMs: 600_000,
}

// Each test starts sandboxes, which a busy machine takes its time for.
vi.setConfig({ testTimeout: 60_000 })

const PERMISSIONS = { http: ['127.0.0.1:*'], cache: true }

/** Does what the path asks for, and answers with what came of it. */
const BODY = `async access(pdk) {
  const [, , what, amount] = pdk.request.getPath().split('/')
  const count = Number(amount)
  let told = 0
  try {
    if (what === 'log') for (; told < count; told++) pdk.log.info('line ' + told)
    if (what === 'wait') await new Promise((resolve) => setTimeout(resolve, count))
    if (what === 'burn') for (let i = 0; i < count; i++) told += i
    if (what === 'fetch') {
      const port = pdk.request.getHeader('x-port')
      for (; told < count; told++) await pdk.http.fetch('http://127.0.0.1:' + port)
    }
    if (what === 'cache') {
      for (let i = 0; i < count; i++) await pdk.cache.set('k' + i, i)
      for (let i = 0; i < count; i++) if ((await pdk.cache.get('k' + i)) !== null) told++
    }
    pdk.response.exit(200, { told })
  } catch (error) {
    pdk.response.exit(200, { told, code: error.code })
  }
}`

/** Burns more CPU than the kill rule of a tenant with 20 ms can overlook, and far less than 8 s. */
const BURN = 'burn/20000000'

function toPlugin(): PluginCode {
  const code = makePlugin('worker', BODY)
  return {
    ...code,
    manifest: { ...code.manifest, phases: ['access'], permissions: PERMISSIONS },
  }
}

interface Scene {
  readonly gateway: TestGateway
  readonly ask: (
    tenant: string,
    what: string,
  ) => Promise<{ status: number; told?: number; code?: string }>
  /** Loads the file again with these limits of red. */
  readonly lower: (limits: object) => Promise<void>
  readonly host: (tenant: string) => { kills: number; starts: number; throttled?: number }
  readonly linesOf: (tenant: string) => string[]
}

/** A gateway with the tenants red, which has lowered these limits, and blue, which has not. */
async function startScene(limits: object): Promise<Scene> {
  const upstream = await startUpstream()
  onTestFinished(() => upstream.close())
  const { options, lines } = makeHostOptions({ limits: OPERATOR })
  const toYaml = (ofRed: object) => `
_format_version: "3.0"
tenants: [{ name: red, limits: ${JSON.stringify(ofRed)} }, { name: blue }]
services:
  - name: main
    url: "${upstream.url}"
    routes:
      - { name: red, paths: [/red], tenant: red, plugins: [{ name: worker }] }
      - { name: blue, paths: [/blue], tenant: blue, plugins: [{ name: worker }] }
`
  const gateway = await startTestGateway({
    yaml: toYaml(limits),
    code: [toPlugin()],
    gateway: {
      hostFactories: { process: createProcessHostFactory(options) },
      limits: OPERATOR,
      pluginGrants: { 'worker@red': PERMISSIONS, 'worker@blue': PERMISSIONS },
    },
  })
  onTestFinished(() => gateway.close())
  return {
    gateway,
    ask: async (tenant, what) => {
      const headers = { connection: 'close', 'x-port': String(upstream.port) }
      const answer = await fetch(`${gateway.url}/${tenant}/${what}`, { headers })
      return { status: answer.status, ...((await answer.json()) as object) }
    },
    lower: (changed) => gateway.reload(toYaml(changed)),
    host: (tenant) => {
      const { hosts } = gateway.gateway.status()
      const own = hosts.filter(({ name }) => name === `tenant:${tenant}`)
      expect(own).toHaveLength(1)
      return own[0]!.stats
    },
    linesOf: (tenant) => [
      ...gateway.log.filter((line) => line['tenant'] === tenant).map(({ msg }) => String(msg)),
      ...lines,
    ],
  }
}

describe('a limit that one tenant has lowered holds for it and for no other', () => {
  test('of log lines', async () => {
    const { ask, linesOf } = await startScene({ logLinesMax: 3 })
    for (const tenant of ['red', 'blue']) await ask(tenant, 'log/10')
    expect(linesOf('red')).toEqual([
      'line 0',
      'line 1',
      'more than 3 lines in one call: the others are dropped',
    ])
    expect(linesOf('blue')).toHaveLength(10)
  })

  test('of requests that a handler makes', async () => {
    const { ask } = await startScene({ fetchesPerCall: 2 })
    expect(await ask('red', 'fetch/4')).toEqual({ status: 200, told: 2, code: 'LIMIT' })
    expect(await ask('blue', 'fetch/4')).toEqual({ status: 200, told: 4 })
  })

  test('of keys in its cache', async () => {
    const { ask } = await startScene({ cacheKeysMax: 5 })
    expect(await ask('red', 'cache/20')).toEqual({ status: 200, told: 5 })
    expect(await ask('blue', 'cache/20')).toEqual({ status: 200, told: 20 })
  })

  test('of wall clock', async () => {
    const { ask, gateway } = await startScene({ handlerTimeoutMs: 100 })
    expect(await ask('red', 'wait/1000')).toMatchObject({ status: 503 })
    expect(await ask('blue', 'wait/1000')).toMatchObject({ status: 200 })
    const failures = gateway.gateway.status().instances.map((each) => each.failures)
    expect(failures).toContainEqual(expect.objectContaining({ timeout: 1 }))
  })

  test('of CPU in one call', async () => {
    const { ask, host, linesOf } = await startScene({ handlerCpuMs: 20 })
    expect(await ask('red', BURN)).toMatchObject({ status: 503 })
    expect(await ask('blue', BURN)).toMatchObject({ status: 200 })
    expect([host('red').kills, host('blue').kills]).toEqual([1, 0])
    expect(linesOf('red').join('\n')).toMatch(/killed: a call burnt \d+ ms of CPU/)
  })

  test('of CPU over time', async () => {
    // CPU is seen in steps of 10 ms, and a call costs a little more: what is left at the end is half a step
    // too much or too little, and not so little that it comes back within the deadline.
    const { ask, host } = await startScene({ tenantCpuMs: 205, handlerTimeoutMs: 3_000 })
    let burnt = 0
    // Each takes from the bucket, which is as good as never filled again.
    while (burnt < 200 && (await ask('red', 'burn/1000000')).status === 200) burnt++
    expect(host('red')).toMatchObject({ kills: 0, throttled: 1 })
    for (let i = 0; i <= burnt; i++) {
      expect(await ask('blue', 'burn/1000000')).toMatchObject({ status: 200 })
    }
    expect(host('blue').throttled).toBe(0)
  })
})

describe('a reload', () => {
  test('that changes the limits of a tenant takes effect, and no other tenant notices', async () => {
    const { ask, lower, host } = await startScene({ fetchesPerCall: 1 })
    expect(await ask('red', 'fetch/4')).toMatchObject({ told: 1 })
    await ask('blue', 'fetch/4')
    await lower({ fetchesPerCall: 3, handlerCpuMs: 20 })
    expect(await ask('red', 'fetch/4')).toMatchObject({ told: 3 })
    expect(await ask('red', BURN)).toMatchObject({ status: 503 })
    await lower({})
    expect(await ask('red', 'fetch/4')).toMatchObject({ told: 4 })
    expect(await ask('red', BURN)).toMatchObject({ status: 200 })
    expect(host('blue').starts).toBe(1)
  })

  test('leaves requests that have begun what they began with', async () => {
    const { ask, lower, gateway } = await startScene({ logLinesMax: 3 })
    const begun = ask('red', 'wait/1500')
    await until(() => gateway.gateway.status().inFlight === 1)
    await lower({ handlerTimeoutMs: 100 })
    expect(await ask('red', 'wait/1500')).toMatchObject({ status: 503 })
    expect(await begun).toMatchObject({ status: 200 })
  })
})

test('the limits of a tenant that reaches further than the kernel alone are held by the kernel, too', async () => {
  const { options } = makeHostOptions({ limits: OPERATOR })
  const generous = createProcessHostFactory(options)
  // As if the sandbox had been broken out of: it knows nothing of what the tenant has lowered.
  const createHost: typeof generous.createHost = (wanted) =>
    generous.createHost({ ...wanted, lowered: {} })
  const gateway = await startTestGateway({
    yaml: `
_format_version: "3.0"
tenants: [{ name: red, limits: { logLinesMax: 3 } }]
services: [{ name: s, url: "http://127.0.0.1:1", routes: [{ paths: [/red], tenant: red, plugins: [{ name: worker }] }] }]
`,
    code: [toPlugin()],
    gateway: { hostFactories: { process: { createHost } }, limits: OPERATOR },
  })
  onTestFinished(() => gateway.close())
  const answer = await fetch(`${gateway.url}/red/log/10`)
  expect(answer.status).toBe(500)
  await answer.arrayBuffer()
  expect(gateway.log.filter((line) => line['tenant'] === 'red' && line['level'] === 30)).toEqual([])
})
