import { createIsolateHostFactory, createProcessHostFactory } from '../../sandbox/create-hosts.ts'
import type { PluginCode, PluginHost } from '../../kernel/plugin-host.ts'
import { makeHostOptions } from '../support/host-call.ts'

/** Deadlines of a machine that has other things to do: what is tested here is not how long it takes. */
const PATIENT = {
  handlerCpuMs: 2_000,
  isolateHandlerMs: 2_000,
  killCpuMs: 4_000,
  silenceMs: 8_000,
  loadMs: 8_000,
}

/** Hosts of both tiers for one plugin or more, with instance `key` of the first. */
export const TIERS = ['process', 'isolate'] as const

export async function startHost(
  tier: (typeof TIERS)[number],
  plugins: readonly PluginCode[],
  config: unknown = {},
): Promise<{ host: PluginHost; lines: string[] }> {
  const { options, lines } = makeHostOptions({ limits: PATIENT })
  const factory =
    tier === 'process' ? createProcessHostFactory(options) : createIsolateHostFactory(options)
  const host = factory.createHost({ name: 'tenant:acme', tenant: 'acme', plugins })
  await host.configure(
    plugins.map(({ manifest: { name } }, index) => ({
      key: index === 0 ? 'key' : `key-${name}`,
      id: `id-${name}`,
      pluginName: name,
      config,
    })),
  )
  return { host, lines }
}
