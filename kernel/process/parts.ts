import type { Plugin, PluginManifest, PluginPermissions } from '@sallyport/sdk'
import type { LimitChanges, LimitTable } from '@sallyport/sdk/limits'
import type { Logger } from 'pino'
import type { Counters } from '../counters.ts'
import type { Gateway, GatewayOptions } from '../gateway.ts'
import type {
  HostFactory,
  SandboxAbility,
  SandboxInspection,
  SandboxSettings,
  Tier,
} from '../plugin-host.ts'

/**
 * What the processes need from outside the kernel, and what they load only when it is needed. Only
 * `kernel/main.ts` sees where it comes from.
 */
export interface Parts {
  /** The plugins of this package; they run inline. */
  bundledPlugins(): Promise<readonly Plugin[]>
  /** Reads a plugin's one module, types stripped. `origin` is the file it was read from. */
  readPluginSource(path: string, limits: LimitChanges): Promise<PluginText>
  /** Runs a plugin's module in a sandbox to learn its manifest. */
  describePlugin(text: PluginText, limits: LimitChanges): Promise<PluginManifest>
  /** Asks the program that listens on `unix:PATH` for the manifest of its plugin. */
  describeRemote(origin: string, limits: LimitChanges): Promise<PluginManifest>
  /** The limits of the sandbox. */
  sandboxLimitRows(): Promise<LimitTable>
  /** Factories for these tiers; what a gateway does not use is not even loaded. */
  hostFactories(tiers: ReadonlySet<Tier>, context: HostContext): Promise<HostFactories>
  /**
   * Starts a sandbox host, with V8's compilers or without, looks at it and ends it. Does not reject:
   * what goes wrong is what there is to tell.
   */
  inspectSandbox(choice: {
    readonly allowMissing: readonly SandboxAbility[]
    readonly isJit: boolean
    readonly limits: LimitChanges
  }): Promise<SandboxInspection>
  /** A gateway on the data path that this program has chosen. */
  createGateway(options: Omit<GatewayOptions, 'dataPath'>): Promise<RunningGateway>
}

export type RunningGateway = Pick<Gateway, 'load' | 'listen' | 'drain' | 'close' | 'status'>

/** What plugin hosts share with their worker. */
export interface HostContext {
  readonly nodeId: string
  readonly log: Logger
  readonly counters: Counters
  readonly sandbox: SandboxSettings
  /** What the operator has changed of the limits, of all tables. */
  readonly limits: LimitChanges
  /** As the gateway was told them. */
  readonly trustedIps: readonly string[]
  /**
   * A plugin has made an isolate of this process unusable, and may have hurt the process: the worker
   * is replaced, and from then on the plugin runs in the `process` tier, until the gateway is started
   * anew.
   */
  readonly onPoisoned: (event: { plugin: string; reason: string }) => void
}

export interface PluginText {
  readonly source: string
  readonly origin: string
  /** What its package.json asks for; absent when it says nothing. */
  readonly permissions?: PluginPermissions
}

export type HostFactories = { readonly [T in Tier]?: HostFactory }
