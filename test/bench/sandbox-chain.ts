import { type Phase, toPhaseBits } from '@sallyport/sdk'
import { Chain, type Step } from '../../kernel/chain.ts'
import type { CompiledSnapshot } from '../../kernel/compiled-snapshot.ts'
import { RequestContext } from '../../kernel/context.ts'
import type { Environment } from '../../kernel/environment.ts'
import type { Exchange } from '../../kernel/exchange.ts'
import { PluginHosts } from '../../kernel/plugin-hosts.ts'
import { PLUGIN_LIMITS } from '../../kernel/plugin-limits.ts'
import { runPhase } from '../../kernel/run-phase.ts'
import {
  type BenchTier,
  type Figure,
  headerPlugin,
  makeScene,
  medianSpent,
  spareIsReady,
  spend,
  tenantOf,
} from './sandbox-scene.ts'

const LENGTHS = [1, 3, 10]
const ROUNDS = 3
const PHASE: Phase = 'access'
/** Some tenths of a second a round at most, however dear a handler is. */
const HANDLERS_A_ROUND: Readonly<Record<BenchTier, number>> = {
  inline: 100_000,
  isolate: 20_000,
  process: 4_000,
}

/** The kernel's own phase runner over chains of one plugin and more, one request after the other. */
export async function measureChains(tier: BenchTier): Promise<Figure[]> {
  const figures: Figure[] = []
  for (const length of LENGTHS) figures.push(...(await measureChain(tier, length)))
  return figures
}

async function measureChain(tier: BenchTier, length: number): Promise<Figure[]> {
  const plugins = Array.from({ length }, (_, index) => headerPlugin(`bench-${index}`))
  const scene = await makeScene(tier, plugins)
  const codes = new Map(scene.codes.map((code) => [code.manifest.name, code]))
  const hosts = new PluginHosts(codes, { [tier]: scene.factory }, (error) => console.error(error))
  const chain = await leaseChain(hosts, [...codes.keys()], tenantOf(tier))
  await spareIsReady(scene)
  const requests = Math.round(HANDLERS_A_ROUND[tier] / length)
  const work = async (): Promise<void> => {
    for (let i = 0; i < requests; i++) {
      const ctx = makeContext(chain)
      const pending = runPhase(ctx, PHASE, environment)
      if (pending !== undefined) await pending
      const { length: set } = ctx.pendingOperations
      if (set !== length) throw new Error(`${set} headers were set instead of ${length}`)
    }
  }
  await work()
  const rounds = []
  for (let i = 0; i < ROUNDS; i++) rounds.push(await spend(requests, work))
  await hosts.close()
  const { wallUs, cpuUs, childCpuUs } = medianSpent(rounds)
  const name = `chain of ${length}, ${tier}`
  const figures = [
    { what: `${name}: µs a request`, value: wallUs },
    { what: `${name}: CPU µs here`, value: cpuUs },
  ]
  if (tier === 'process') figures.push({ what: `${name}: CPU µs in the child`, value: childCpuUs })
  return figures
}

/** The steps of a snapshot with these plugins, in the hosts in which the kernel puts them. */
async function leaseChain(
  hosts: PluginHosts,
  names: readonly string[],
  tenant: string | null,
): Promise<Chain> {
  const specs = names.map((pluginName) => ({
    key: `key-${pluginName}`,
    id: `id-${pluginName}`,
    pluginName,
    config: {},
    tenant,
    lowered: {},
  }))
  const lease = await hosts.lease(specs)
  const steps = specs.map((spec): Step => ({
    pluginName: spec.pluginName,
    instanceId: spec.id,
    instanceName: null,
    instanceKey: spec.key,
    config: spec.config,
    tenant,
    priority: 0,
    phaseBits: toPhaseBits([PHASE]),
    host: lease.hostOf(spec.key),
    onError: 'fail',
    timeoutMs: 2_000,
    limits: PLUGIN_LIMITS,
    ordering: null,
    condition: null,
    scope: 'global',
    additional: false,
    meter: lease.meterOf(spec),
  }))
  return new Chain(steps)
}

/** As far as handlers of this phase look at it. A failure ends the measurement. */
const environment = {
  isTrustedAddress: () => false,
  log: {
    error: ({ err }: { err: Error }) => {
      throw err
    },
  },
  effects: { vault: { hide: (text: string) => text } },
} as unknown as Environment

const HEADERS = ['Host', 'example.com', 'User-Agent', 'bench/1.0', 'Accept', '*/*', 'X-A', '1']

function makeContext(chain: Chain): RequestContext {
  const exchange = {
    connection: {
      clientAddress: '192.0.2.1',
      clientPort: 5_000,
      localAddress: '192.0.2.2',
      localPort: 8_000,
      scheme: 'http',
    },
    httpVersion: '1.1',
    method: 'GET',
    target: '/items/12?x=1',
    authority: 'example.com',
    headers: HEADERS,
    body: null,
    upgrade: null,
    cancelled: false,
    observer: null,
  } as unknown as Exchange
  const snapshot = { chains: { globalChain: chain } } as unknown as CompiledSnapshot
  const ctx = new RequestContext(exchange, snapshot, 'request-1')
  ctx.rawPath = ctx.path = '/items/12'
  ctx.query = '?x=1'
  return ctx
}
