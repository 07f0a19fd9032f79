import type { Pdk } from './pdk.ts'
import type { PluginPermissions } from './permissions.ts'
import type { Phase } from './phase.ts'
import type { Static, TSchema } from './schema.ts'

/** A plugin's function for one phase. What it returns is ignored; a promise is waited for. */
export type Handler<Config = unknown> = (pdk: Pdk, config: Config) => void | Promise<void>

/** The handlers that a plugin may have, one a phase. */
export type Handlers<Config = unknown> = { [P in Phase]?: Handler<Config> }

/** The PDK as it is outside of a request: only what needs no request may be called. */
export interface LifecyclePdk {
  readonly log: Omit<Pdk['log'], 'serialize' | 'setSerializeValue'>
  readonly node: Pdk['node']
  readonly plugin: Pdk['plugin']
}

export interface Lifecycle<Config = unknown> {
  /** Once, after the code was loaded and before the first request. */
  init?(pdk: LifecyclePdk): void | Promise<void>
  /** When the instances of the plugin change: the configurations that are in force from now on. */
  configure?(pdk: LifecyclePdk, configs: readonly Config[]): void | Promise<void>
  /** Once, when the plugin is unloaded. */
  close?(pdk: LifecyclePdk): void | Promise<void>
}

/**
 * A plugin: the default export of its module. A plain object literal of this shape works as well;
 * `definePlugin` only gives `config` its type in the handlers.
 */
export interface Plugin<Schema extends TSchema = TSchema>
  extends Handlers<Static<Schema>>, Lifecycle<Static<Schema>> {
  /** Lower-case letters, digits and dashes; unique in a gateway. */
  readonly name: string
  /** The plugin's own version (semver). */
  readonly version: string
  /** Higher runs earlier, in every phase; default 0. Ties: by name, descending. */
  readonly priority?: number
  /** JSON Schema of the configuration. Without it only an empty configuration is accepted. */
  readonly config?: Schema
  /** What it asks for beyond the request; without it nothing. The operator decides what it gets. */
  readonly permissions?: PluginPermissions
  /** Scopes that make no sense for this plugin, as in Kong (an auth plugin has `no_consumer`). */
  readonly scopes?: {
    readonly consumer?: boolean
    readonly route?: boolean
    readonly service?: boolean
  }
}

/**
 * What a gateway must know of a plugin before it runs it: read from the module (by running it in a
 * sandbox unless it is trusted) or from the package's manifest.
 */
export interface PluginManifest {
  readonly name: string
  readonly version: string
  readonly priority: number
  readonly phases: readonly Phase[]
  /** JSON Schema of the configuration, or null: no configuration. */
  readonly schema: object | null
  /** What it asks for; not what it may do. */
  readonly permissions?: PluginPermissions
  readonly scopes: {
    readonly consumer: boolean
    readonly route: boolean
    readonly service: boolean
  }
}

export function definePlugin<const Schema extends TSchema = TSchema>(
  plugin: Plugin<Schema>,
): Plugin<Schema> {
  return plugin
}
