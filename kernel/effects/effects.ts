import type { LimitChanges } from '@sallyport/sdk/limits'
import type { Logger } from 'pino'
import type { PluginCode } from '../plugin-host.ts'
import { type PluginLimits, resolvePluginLimits } from '../plugin-limits.ts'
import type { FetchTls } from './connection-pools.ts'
import { type EffectCounts, EffectMeters } from './effect-meters.ts'
import { createResolveHostname, type ResolveHostname } from './fetch-target.ts'
import { Grants, type Permissions, type PluginGrants } from './grants.ts'
import { HttpClient } from './http-client.ts'
import { PluginCache } from './plugin-cache.ts'
import type { PluginStore, PluginStoreSetting } from './plugin-store.ts'
import { SecretTexts } from './secret-texts.ts'
import { openPluginStore } from './sqlite-store.ts'
import { Vault } from './vault.ts'

/** What an operator may choose of it; plain data. */
export interface EffectSettings {
  /** What plugins may do beyond the request; default nothing. */
  readonly pluginGrants?: PluginGrants
  /** Where `pdk.store` keeps values; default in the memory of each worker. */
  readonly pluginStore?: PluginStoreSetting
  /** Comes before the names of the variables that hold secrets; default nothing. */
  readonly vaultEnvPrefix?: string
  /** Limits that differ from their defaults, of all tables. */
  readonly limits?: LimitChanges
}

/** The outside world, as whoever makes a gateway chose it. */
export interface EffectParts {
  /** Where the vault `env` looks; default the environment of this process. */
  readonly variables?: Readonly<Record<string, string | undefined>>
  /** Default DNS. */
  readonly resolveHostname?: ResolveHostname
  readonly tls?: FetchTls
  /** Where secrets are kept track of, when who writes logs should know them. */
  readonly secretTexts?: SecretTexts
}

export interface EffectStatus extends EffectCounts {
  /** What its cache holds now. */
  readonly cacheBytes: number
}

/** What plugins do beyond the request, in this worker: one of each, handed down and never imported. */
export class Effects {
  readonly grants: Grants
  readonly meters = new EffectMeters()
  readonly http: HttpClient
  /** The operator's; a call has those of its owner. */
  readonly limits: PluginLimits
  readonly cache: PluginCache
  readonly vault: Vault
  readonly #openStore: () => Promise<PluginStore>
  #store: Promise<PluginStore> | null = null

  constructor(options: {
    plugins: ReadonlyMap<string, PluginCode>
    settings: EffectSettings
    parts: EffectParts
    log: Logger
  }) {
    const { plugins, settings, parts, log } = options
    this.limits = resolvePluginLimits(settings.limits ?? {})
    this.cache = new PluginCache(this.meters, this.limits)
    this.grants = new Grants(plugins, settings.pluginGrants ?? {})
    this.http = new HttpClient({
      resolveHostname: parts.resolveHostname ?? createResolveHostname(this.limits),
      tls: parts.tls ?? {},
      meters: this.meters,
      limits: this.limits,
    })
    this.vault = new Vault(
      parts.variables ?? process.env,
      settings.vaultEnvPrefix ?? '',
      parts.secretTexts ?? new SecretTexts(),
    )
    const onProblem = (error: Error) => log.error({ err: error }, 'the plugin store failed')
    this.#openStore = () => openPluginStore(settings.pluginStore ?? 'memory', { onProblem })
  }

  permissionsOf(pluginName: string, tenant: string | null): Permissions {
    return this.grants.permissionsOf(pluginName, tenant)
  }

  /** Of each plugin and tenant that has done something. */
  status(): EffectStatus[] {
    return this.meters.all().map((meter) => {
      const cacheBytes = this.cache.bytesOf(meter.namespace)
      return { ...meter.counts(), cacheBytes }
    })
  }

  /** Opened when it is first asked for. Rejects with an Error that names the file. */
  get store(): Promise<PluginStore> {
    return (this.#store ??= this.#openStore())
  }

  async close(): Promise<void> {
    await this.http.close()
    const store = this.#store
    this.#store = Promise.reject(new Error('the plugin store is closed'))
    this.#store.catch(() => undefined)
    if (store !== null) (await store.catch(() => null))?.close()
  }
}
