import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type Plugin, toManifest } from '@sallyport/sdk'
import type { HostFactory, PluginCode, PluginHost, Tier } from '../../kernel/plugin-host.ts'
import { toPluginCode } from '../../kernel/process/plugin-listing.ts'
import type { LimitChanges } from '@sallyport/sdk/limits'
import { serve } from '@sallyport/sdk/serve'
import {
  createIsolateHostFactory,
  createProcessHostFactory,
  createRemoteHostFactory,
} from '../../sandbox/create-hosts.ts'
import type { SandboxHostOptions } from '../../sandbox/host-options.ts'
import { makeHostOptions } from '../support/host-call.ts'

/** Deadlines of a machine that has other things to do: what is tested here is not how long it takes. */
export const PATIENT = {
  guestTurnMs: 2_000,
  isolateHandlerMs: 2_000,
  killCpuMs: 4_000,
  silenceMs: 8_000,
  loadMs: 8_000,
}

/** The tiers that call a plugin through what crosses. */
export const TIERS = ['process', 'isolate', 'remote'] as const
export type SandboxTier = (typeof TIERS)[number]

/** Those that give a plugin the globals of a guest, and hold it back. */
export const ISOLATED_TIERS: readonly SandboxTier[] = ['process', 'isolate']

/** All that can run a plugin. */
export const ALL_TIERS: readonly Tier[] = ['inline', ...TIERS]

/** Plugins made ready for a tier. */
export interface TierPlugins {
  /** As the loader would give them. */
  readonly codes: readonly PluginCode[]
  /** Null for `inline`, whose factory is the kernel's own. */
  readonly factory: HostFactory | null
  /** To be called when no host runs any more. */
  close(): Promise<void>
}

export async function prepareTier(
  tier: Tier,
  plugins: readonly PluginCode[],
  options: SandboxHostOptions,
): Promise<TierPlugins> {
  const close = (): Promise<void> => Promise.resolve()
  switch (tier) {
    case 'process':
      return { codes: plugins, factory: createProcessHostFactory(options), close }
    case 'isolate': {
      const codes = plugins.map((code) => ({ ...code, tier }))
      return { codes, factory: createIsolateHostFactory(options), close }
    }
    case 'inline': {
      const modules = await importModules(plugins)
      const codes = plugins.map((code, index) => ({
        ...code,
        tier,
        module: modules[index]!,
        source: null,
      }))
      return { codes, factory: null, close }
    }
    case 'remote':
      return prepareRemote(plugins, options)
  }
}

/** Each plugin is a program of its own; here they all run in this process. */
async function prepareRemote(
  plugins: readonly PluginCode[],
  options: SandboxHostOptions,
): Promise<TierPlugins> {
  const folder = mkdtempSync(join(tmpdir(), 'remote-'))
  const modules = await importModules(plugins)
  const served = await Promise.all(
    modules.map((module, index) => serve(module, { socket: join(folder, `${index}.sock`) })),
  )
  const codes = plugins.map((code, index) => ({
    ...code,
    manifest: toManifest(modules[index]),
    tier: 'remote' as const,
    source: null,
    origin: `unix:${served[index]!.socket}`,
  }))
  return {
    codes,
    factory: createRemoteHostFactory(options),
    close: async () => {
      await Promise.all(served.map((one) => one.close()))
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

/** Hosts of a sandbox tier for one plugin or more, with instance `key` of the first. */
export async function startHost(
  tier: SandboxTier,
  plugins: readonly PluginCode[],
  config: unknown = {},
  limits: LimitChanges = {},
): Promise<{ host: PluginHost; lines: string[] }> {
  const { options, lines } = makeHostOptions({ limits: { ...PATIENT, ...limits } })
  const prepared = await prepareTier(tier, plugins, options)
  const { codes } = prepared
  const host = prepared.factory!.createHost({ name: 'tenant:acme', tenant: 'acme', plugins: codes })
  const closeHost = host.close.bind(host)
  host.close = async () => {
    await closeHost()
    await prepared.close()
  }
  await host.configure(
    codes.map(({ manifest: { name } }, index) => ({
      key: index === 0 ? 'key' : `key-${name}`,
      id: `id-${name}`,
      pluginName: name,
      config,
    })),
  )
  return { host, lines }
}

/** The modules of plugins that are given as text, in this process. */
export async function importModules(plugins: readonly PluginCode[]): Promise<Plugin[]> {
  const folder = mkdtempSync(join(tmpdir(), 'tier-'))
  try {
    const listings = plugins.map(({ manifest, source }, index) => {
      const origin = join(folder, `${index}.mjs`)
      writeFileSync(origin, source!)
      return { manifest, tier: 'inline' as const, bundled: false, source: null, origin }
    })
    const codes = await toPluginCode({ bundledPlugins: () => Promise.resolve([]) }, listings)
    return codes.map(({ module }) => module!)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}
