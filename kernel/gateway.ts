import { randomBytes } from 'node:crypto'
import { hostname } from 'node:os'
import { toAddressTest } from '@sallyport/sdk/address-test'
import type { LimitChanges } from '@sallyport/sdk/limits'
import type { Logger } from 'pino'
import { type CompiledSnapshot, compileSnapshot } from './compiled-snapshot.ts'
import {
  type EffectParts,
  Effects,
  type EffectSettings,
  type EffectStatus,
} from './effects/effects.ts'
import type { Namespace } from './effects/namespace.ts'
import type { Environment } from './environment.ts'
import type { Exchange, Listener, ListenerOptions, UpstreamSender } from './exchange.ts'
import { handleRequest, type RequestTools } from './handle-request.ts'
import { HEADER_NAMES, type HeaderNaming } from './header-names.ts'
import type { InstanceCounts } from './instance-meters.ts'
import { createInlineHostFactory } from './inline-host.ts'
import { createLifecyclePdk } from './lifecycle-pdk.ts'
import type { PluginInstance } from './config/entities.ts'
import type {
  HostFactory,
  HostState,
  HostStats,
  PluginCode,
  SpareStatus,
  Tier,
} from './plugin-host.ts'
import { PluginHosts } from './plugin-hosts.ts'
import type { Snapshot } from './snapshot.ts'
import type { AccessLog } from './telemetry/access-log.ts'
import { toAccessEntry, toRefusalEntry } from './telemetry/access-entry.ts'

export type ListenAddress =
  | { readonly fd: number }
  | { readonly hostname: string; readonly port: number }

/** The two ports of the data path, as the composition root chose to fill them. */
export interface DataPath {
  listen(options: ListenerOptions & { readonly listen: ListenAddress }): Promise<Listener>
  readonly sender: UpstreamSender
}

/** What an operator may choose of the way requests are treated; plain data. */
export interface GatewaySettings extends EffectSettings {
  /** Addresses and CIDR ranges whose `X-Forwarded-*` is believed; default none. */
  readonly trustedIps?: readonly string[]
  /** Whose names the headers have that the gateway adds; default ours. */
  readonly headerNaming?: HeaderNaming
  /** Answer `Sallyport-Debug: 1` with a trace; default false. */
  readonly allowDebugHeader?: boolean
}

export interface GatewayOptions extends GatewaySettings {
  readonly nodeId: string
  readonly plugins: readonly PluginCode[]
  /** Without `inline`, which the gateway has itself. */
  readonly hostFactories: { readonly [T in Tier]?: HostFactory }
  readonly dataPath: DataPath
  /** What plugins reach beyond the request; default the world. */
  readonly effects?: EffectParts
  readonly log: Logger
  readonly accessLog: AccessLog | null
}

export interface GatewayStatus {
  /** Of the configuration in force; 0 before the first. */
  readonly version: number
  readonly hash: string | null
  readonly inFlight: number
  readonly hosts: readonly {
    readonly name: string
    readonly tier: Tier
    readonly state: HostState
    readonly stats: HostStats
  }[]
  readonly spares: readonly SpareStatus[]
  readonly instances: readonly InstanceCounts[]
  readonly effects: readonly EffectStatus[]
}

/**
 * The kernel in one process: requests in, requests out. It has no configuration of its own; whoever
 * owns it loads snapshots and says where to listen.
 */
export class Gateway {
  readonly #plugins: ReadonlyMap<string, PluginCode>
  readonly #hosts: PluginHosts
  readonly #limits: LimitChanges
  readonly #effects: Effects
  readonly #dataPath: DataPath
  readonly #accessLog: AccessLog | null
  readonly #tools: RequestTools
  readonly #listeners: Listener[] = []
  #current: CompiledSnapshot | null = null
  #loading: Promise<unknown> = Promise.resolve()
  #inFlight = 0

  constructor(options: GatewayOptions) {
    this.#plugins = new Map(options.plugins.map((code) => [code.manifest.name, code]))
    this.#limits = options.limits ?? {}
    this.#effects = new Effects({
      plugins: this.#plugins,
      settings: options,
      parts: options.effects ?? {},
      log: options.log,
    })
    const environment: Environment = {
      nodeId: options.nodeId,
      hostname: hostname(),
      log: options.log,
      isTrustedAddress: toAddressTest(options.trustedIps ?? []),
      allowDebugHeader: options.allowDebugHeader ?? false,
      effects: this.#effects,
    }
    this.#hosts = new PluginHosts(
      this.#plugins,
      {
        inline: createInlineHostFactory((name) => createLifecyclePdk(name, environment)),
        ...options.hostFactories,
      },
      (error) => options.log.error({ err: error }, 'a plugin could not be put away'),
    )
    this.#dataPath = options.dataPath
    this.#accessLog = options.accessLog
    this.#tools = {
      environment,
      sender: options.dataPath.sender,
      headerNames: HEADER_NAMES[options.headerNaming ?? 'sallyport'],
      nextRequestId: createRequestIds(),
      onDone: (ctx) => this.#accessLog?.write(toAccessEntry(ctx)),
      onOver: () => this.#inFlight--,
    }
  }

  /**
   * Compiles the snapshot beside the one in force and swaps it in; requests that have begun keep
   * theirs. Rejects with an Error that says what is wrong and leaves the one in force as it is.
   */
  load(snapshot: Snapshot): Promise<void> {
    const loaded = this.#loading.then(async () => {
      const toConfig = (instance: PluginInstance) => this.#toConfig(instance)
      const compiled = await compileSnapshot(snapshot, this.#plugins, this.#hosts, {
        toConfig,
        limits: this.#limits,
      })
      const before = this.#current
      this.#current = compiled
      before?.retire()
      this.#effects.meters.keep(namespacesOf(snapshot))
    })
    this.#loading = loaded.catch(() => undefined)
    return loaded
  }

  /** Needs a loaded snapshot: a gateway without one could only refuse. */
  async listen(address: ListenAddress): Promise<Listener> {
    if (this.#current === null) throw new Error('listen: expected a loaded snapshot, there is none')
    const listener = await this.#dataPath.listen({
      listen: address,
      onExchange: (exchange) => this.#handle(exchange),
      onRefused: (refusal) =>
        this.#accessLog?.write(toRefusalEntry(refusal, this.#tools.nextRequestId())),
    })
    this.#listeners.push(listener)
    return listener
  }

  /** Stops accepting; resolves when the requests in flight are over, at the latest at the deadline. */
  async drain(deadlineMs: number): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.drain(deadlineMs)))
  }

  async close(): Promise<void> {
    await Promise.all(this.#listeners.map((listener) => listener.close()))
    await this.#dataPath.sender.close()
    this.#current?.retire()
    await this.#hosts.close()
    await this.#effects.close()
    await this.#accessLog?.flush()
  }

  status(): GatewayStatus {
    return {
      version: this.#current?.version ?? 0,
      hash: this.#current?.hash ?? null,
      inFlight: this.#inFlight,
      hosts: this.#hosts.hosts.map((host) => ({
        name: host.name,
        tier: host.tier,
        state: host.state,
        stats: host.stats(),
      })),
      spares: this.#hosts.spares,
      instances: this.#hosts.meters.counts(),
      effects: this.#effects.status(),
    }
  }

  /** With the secrets that it refers to: they are in no snapshot. */
  #toConfig({ name, id, instance_name, tenant, config }: PluginInstance): unknown {
    try {
      return this.#effects.vault.resolve(config, this.#effects.permissionsOf(name, tenant))
    } catch (error) {
      const which = `plugin "${name}" (${instance_name ?? id})`
      throw new Error(`${which}: ${(error as Error).message}`, { cause: error })
    }
  }

  #handle(exchange: Exchange): void {
    this.#inFlight++
    handleRequest(exchange, this.#current!, this.#tools)
  }
}

export function createGateway(options: GatewayOptions): Gateway {
  return new Gateway(options)
}

/** 32 hexadecimal digits: random for the process, then counted. */
function createRequestIds(): () => string {
  const prefix = randomBytes(10).toString('hex')
  let count = 0
  return () => prefix + (++count).toString(16).padStart(12, '0')
}

/** Whose effects may be counted. */
function namespacesOf({ entities: { plugins, global_plugins } }: Snapshot): Namespace[] {
  return [...plugins, ...global_plugins].map(({ name, tenant }) => ({ pluginName: name, tenant }))
}
