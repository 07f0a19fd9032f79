import { readFileSync } from 'node:fs'
import type { Phase, Plugin } from '@sallyport/sdk'
import { describe, expect, it } from 'vitest'
import type { Chain, Step } from '../../kernel/chain.ts'
import { type CompiledSnapshot, compileSnapshot } from '../../kernel/compiled-snapshot.ts'
import type { PluginInstance } from '../../kernel/config/entities.ts'
import { createInlineHostFactory } from '../../kernel/inline-host.ts'
import { PluginHosts } from '../../kernel/plugin-hosts.ts'
import {
  makeConsumer,
  makeConsumerGroup,
  makeEntities,
  makePluginInstance,
  makeRoute,
  makeService,
} from '../support/entities.ts'
import { toInlineCode } from '../support/inline-plugins.ts'

interface Case {
  readonly name: string
  readonly kind: 'scope' | 'sequence'
  readonly context: {
    readonly route?: string
    readonly service?: string
    readonly consumer?: string
    readonly consumer_groups?: string[]
    readonly authenticates?: Readonly<Record<string, string>>
  }
  readonly instances: readonly {
    readonly id: string
    readonly plugin: string
    readonly route?: string
    readonly service?: string
    readonly consumer?: string
    readonly consumer_group?: string
    readonly enabled?: boolean
    readonly protocols?: string[]
  }[]
  readonly plugins?: readonly { name: string; phases: string[]; priority: number }[]
  readonly expect: {
    readonly winner?: string | null
    readonly executed?: Readonly<Record<string, string[] | boolean>>
  }
}

const cases = JSON.parse(
  readFileSync(new URL('../cases/plugin-precedence.json', import.meta.url), 'utf8'),
) as Case[]

describe('the instance of a plugin that runs', () => {
  it.each(cases.filter((one) => one.kind === 'scope').map((one) => [one.name, one] as const))(
    'is the most specific one: %s',
    async (_name, one) => {
      const snapshot = await compile(one, [{ name: 'p', phases: ['access'], priority: 1 }])
      const { route, service, consumer, consumer_groups } = one.context
      const chain = snapshot.chains.chainFor({
        routeId: route ?? null,
        serviceId: service ?? null,
        consumerId: consumer ?? null,
        groupIds: consumer_groups ?? [],
      })
      expect(chain.in('access')[0]?.instanceId ?? null).toBe(one.expect.winner ?? null)
    },
  )
})

describe('the handlers that run in each phase', () => {
  it.each(cases.filter((one) => one.kind === 'sequence').map((one) => [one.name, one] as const))(
    'are those of the chain: %s',
    async (_name, one) => {
      const snapshot = await compile(one, one.plugins!)
      const { executed } = one.expect
      const { chain, access } = runAccess(snapshot, one)
      expect(access).toEqual(executed!['access'])
      expect(ids(snapshot.chains.globalChain.in('rewrite'))).toEqual(executed!['rewrite'])
      expect(ids(snapshot.chains.globalChain.in('certificate'))).toEqual(executed!['certificate'])
      for (const [kong, ours] of [
        ['header_filter', 'headerFilter'],
        ['body_filter', 'bodyFilter'],
        ['response', 'response'],
        ['log', 'log'],
      ] as const) {
        expect(ids(chain.in(ours))).toEqual(executed![kong])
      }
      expect(chain.buffersAnswer).toBe(executed!['buffered'] ?? false)
    },
  )
})

/** What `run-phase` does in access, without requests: the chain changes where somebody authenticates. */
function runAccess(snapshot: CompiledSnapshot, one: Case): { chain: Chain; access: string[] } {
  const subject = { routeId: 'r', serviceId: 's', consumerId: null as string | null, groupIds: [] }
  let chain = snapshot.chains.chainFor(subject)
  const access: string[] = []
  for (let next = 0; next < chain.in('access').length;) {
    const step = chain.in('access')[next++]!
    access.push(step.instanceId)
    const consumerId = one.context.authenticates?.[step.pluginName]
    if (consumerId === undefined) continue
    chain = snapshot.chains.chainAfter(chain, { ...subject, consumerId }, step)
    next = chain.in('access').indexOf(step) + 1
  }
  return { chain, access }
}

async function compile(
  one: Case,
  plugins: readonly { name: string; phases: readonly string[]; priority: number }[],
): Promise<CompiledSnapshot> {
  const code = new Map(plugins.map((plugin) => [plugin.name, toInlineCode(makePlugin(plugin))]))
  const factories = {
    inline: createInlineHostFactory(() => {
      throw new Error('no life-cycle handler is expected here')
    }),
  }
  const hosts = new PluginHosts(code, factories, (error) => {
    throw error
  })
  const entities = makeEntities({
    services: [makeService({ id: 's' })],
    routes: [makeRoute({ id: 'r', paths: ['/'], service: { id: 's' } })],
    consumers: [makeConsumer({ id: 'c' })],
    consumer_groups: [makeConsumerGroup('g')],
    plugins: one.instances.map(toInstance),
  })
  return compileSnapshot({ version: 1, hash: 'h', entities }, code, hosts)
}

function toInstance(instance: Case['instances'][number]): PluginInstance {
  const { id, plugin, route, service, consumer, consumer_group, enabled, protocols } = instance
  return makePluginInstance({
    id,
    name: plugin,
    route: route === undefined ? null : { id: route },
    service: service === undefined ? null : { id: service },
    consumer: consumer === undefined ? null : { id: consumer },
    consumer_group: consumer_group === undefined ? null : { id: consumer_group },
    enabled: enabled ?? true,
    ...(protocols === undefined ? {} : { protocols: protocols as PluginInstance['protocols'] }),
  })
}

function makePlugin(plugin: { name: string; phases: readonly string[]; priority: number }): Plugin {
  const handlers = Object.fromEntries(plugin.phases.map((phase) => [toOurName(phase), () => {}]))
  return { name: plugin.name, version: '1.0.0', priority: plugin.priority, ...handlers }
}

function toOurName(phase: string): Phase {
  return phase.replace(/_(.)/g, (_match, letter: string) => letter.toUpperCase()) as Phase
}

function ids(steps: readonly Step[]): string[] {
  return steps.map((step) => step.instanceId)
}
