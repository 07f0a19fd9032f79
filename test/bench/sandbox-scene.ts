import { createInlineHostFactory } from '../../kernel/inline-host.ts'
import type { HostCall, HostFactory, PluginCode, Tier } from '../../kernel/plugin-host.ts'
import { readProcessUsage } from '../../sandbox/process/process-usage.ts'
import { childrenOfThisProcess } from '../sandbox/children.ts'
import { prepareTier } from '../sandbox/tiers.ts'
import { makeCall, makeHostOptions, makePlugin } from '../support/host-call.ts'

/** One row of the table. */
export interface Figure {
  /** With its unit. */
  readonly what: string
  readonly value: number
  /** What it is meant to be, where something is meant. */
  readonly bar?: string
}

/** The tiers that are measured. */
export type BenchTier = Exclude<Tier, 'remote'>

/** Of a tenant, so that its budget is counted, and so large that no call ever waits for it. */
const ENDLESS_BUDGET = { tenantCpuMs: 1e9 }

/** The tenant of whatever a host runs here; the kernel gives one to the `process` tier only. */
export function tenantOf(tier: Tier): string | null {
  return tier === 'process' ? 'bench' : null
}

/** A plugin that reads a header and sets one, as `header-plugin.ts` does. */
export function headerPlugin(name = 'bench-header'): PluginCode {
  const handler = `pdk.response.setHeader('x-bench', pdk.request.getHeader('host') ?? 'none')`
  return makePlugin(name, `access(pdk) { ${handler} }`)
}

export interface Scene {
  readonly codes: readonly PluginCode[]
  readonly factory: HostFactory
}

/** Plugins and the factory of a tier with the limits and layers that a gateway has by default. */
export async function makeScene(
  tier: BenchTier,
  plugins: readonly PluginCode[] = [headerPlugin()],
): Promise<Scene> {
  const log = ({ level, text }: { level: string; text: string }): void =>
    console.error(`${level}: ${text}`)
  const { options } = makeHostOptions({ log, limits: ENDLESS_BUDGET })
  const { codes, factory } = await prepareTier(tier, plugins, options)
  return { codes, factory: factory ?? createInlineHostFactory(noLifecycle) }
}

/** A host with one instance, under the key `key`, of the scene's first plugin. */
export async function startHost(scene: Scene, name: string, tenant: string | null) {
  const host = scene.factory.createHost({ name, tenant, plugins: scene.codes })
  const pluginName = scene.codes[0]!.manifest.name
  await host.configure([{ key: 'key', id: `id-${name}`, pluginName, config: {} }])
  return host
}

/** A call that can be made over and over; `applied` counts its results. The first is looked at. */
export function makeRepeatable(): { call: HostCall; applied: () => number } {
  let applied = 0
  const once = makeCall({ key: 'key', timeoutMs: 10_000 })
  const view = once.view()
  const apply = (result: unknown): void => {
    if (applied++ === 0 && !JSON.stringify(result).includes('"x-bench","example.com"')) {
      throw new Error(`the handler did not set its header: ${JSON.stringify(result)}`)
    }
  }
  return { call: { ...once, view: () => view, apply }, applied: () => applied }
}

/** CPU milliseconds that the sandbox hosts of this process have burnt, in steps of 10. */
export function childCpuMs(): number {
  return childrenOfThisProcess().reduce((sum, pid) => sum + readProcessUsage(pid)!.cpuMs, 0)
}

/** Waits until the spare of a factory, if it keeps one, has started: it burns no CPU any more. */
export async function spareIsReady({ factory }: Scene): Promise<void> {
  const isReady = () => (factory.spares?.() ?? []).every(({ state }) => READY.has(state))
  while (!isReady()) await new Promise((resolve) => setTimeout(resolve, 10))
}

const READY: ReadonlySet<string> = new Set(['ready', 'unused'])

export interface Spent {
  readonly wallUs: number
  /** Of this process, all its threads. */
  readonly cpuUs: number
  readonly childCpuUs: number
}

/** What one of `count` pieces of work costs. */
export async function spend(count: number, work: () => void | Promise<void>): Promise<Spent> {
  const childBefore = childCpuMs()
  const cpuBefore = process.cpuUsage()
  const started = performance.now()
  await work()
  const wallUs = (performance.now() - started) * 1_000
  const { user, system } = process.cpuUsage(cpuBefore)
  const childCpuUs = (childCpuMs() - childBefore) * 1_000
  return { wallUs: wallUs / count, cpuUs: (user + system) / count, childCpuUs: childCpuUs / count }
}

/** The median of several rounds, each figure by itself. */
export function medianSpent(rounds: readonly Spent[]): Spent {
  const of = (key: keyof Spent): number => quantile(rounds.map((round) => round[key]))
  return { wallUs: of('wallUs'), cpuUs: of('cpuUs'), childCpuUs: of('childCpuUs') }
}

/** The value below which this share of them lies; the median by default. */
export function quantile(values: readonly number[], share = 0.5): number {
  const sorted = values.toSorted((one, other) => one - other)
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))]!
}

function noLifecycle(): never {
  throw new Error('the plugins of this bench have no life-cycle handlers')
}
