import { PdkError, type PdkMember, type PluginPermissions, toPermissions } from '@sallyport/sdk'
import type { PluginCode } from '../plugin-host.ts'
import { type Destination, HostList } from './host-list.ts'
import { SecretList } from './secret-reference.ts'

/**
 * What the operator grants: by plugin name; `NAME@TENANT` adds to it for the instances that a tenant
 * owns. Plain data.
 */
export type PluginGrants = Readonly<Record<string, PluginPermissions>>

/** What must be known of a plugin to know what it may do. */
type GrantedPlugin = Pick<PluginCode, 'manifest' | 'tier'>

/** What one plugin may do in the name of one tenant (or of none). */
export interface Permissions {
  readonly pluginName: string
  readonly tenant: string | null
  readonly cache: boolean
  readonly store: boolean
  mayFetch(destination: Destination): boolean
  /** Whether an address that is not public may be asked. `address` in plain spelling. */
  mayReach(address: string, destination: Destination): boolean
  /** `reference` in canonical form. */
  mayKnow(reference: string): boolean
}

/** Throws a `TypeError` that names the plugin, quotes what is wrong and says what is wanted. */
export function toPluginGrants(value: unknown): PluginGrants {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(
      'expected plugin names with what is granted, like { "my-plugin": { "store": true } }',
    )
  }
  const grants: Record<string, PluginPermissions> = {}
  for (const [name, granted] of Object.entries(value)) {
    const permissions = toPermissions(granted, name)
    checkEntries(name, permissions)
    grants[name] = permissions
  }
  return grants
}

function checkEntries(name: string, permissions: PluginPermissions = {}): void {
  try {
    toLists(permissions)
  } catch (error) {
    throw new TypeError(`${name}: ${(error as Error).message}`, { cause: error })
  }
}

/** A grant that cannot be meant; the message names it. */
export class GrantError extends Error {
  override readonly name = 'GrantError'
}

/** A grant for nobody is a slip of the pen. Throws a `GrantError`. */
export function refuseUnknownPlugins(grants: PluginGrants, names: ReadonlySet<string>): void {
  for (const key of Object.keys(grants)) {
    if (names.has(key.split('@', 1)[0]!)) continue
    throw new GrantError(`plugin_grants: ${JSON.stringify(key)}: no plugin of this name is loaded`)
  }
}

/**
 * Asked for and granted. Inline code is trusted with the worker, so it gets what it asks for without a
 * manifest; but what a tenant has configured it to do goes only where everybody may go.
 */
export class Grants {
  readonly #plugins: ReadonlyMap<string, GrantedPlugin>
  readonly #grants: PluginGrants
  readonly #made = new Map<string, Permissions>()

  /** Throws a `TypeError` that names the plugin whose manifest asks for what cannot be read. */
  constructor(plugins: ReadonlyMap<string, GrantedPlugin>, grants: PluginGrants) {
    for (const { manifest } of plugins.values()) checkEntries(manifest.name, manifest.permissions)
    this.#plugins = plugins
    this.#grants = grants
  }

  permissionsOf(pluginName: string, tenant: string | null): Permissions {
    const key = `${pluginName}@${tenant ?? ''}`
    let made = this.#made.get(key)
    if (made === undefined) {
      made = this.#make(pluginName, tenant)
      this.#made.set(key, made)
    }
    return made
  }

  #make(pluginName: string, tenant: string | null): Permissions {
    const code = this.#plugins.get(pluginName)
    const granted = this.#grantedTo(pluginName, tenant)
    const isInline = code?.tier === 'inline'
    const asked = isInline ? EVERYTHING : toLists(code?.manifest.permissions ?? {})
    const isTrusted = isInline && tenant === null
    return {
      pluginName,
      tenant,
      cache: asked.cache && (isInline || granted.cache),
      store: asked.store && (isInline || granted.store),
      mayFetch: (destination) =>
        asked.http.has(destination) && (isInline || granted.http.has(destination)),
      mayReach: (address, destination) =>
        isTrusted || granted.http.hasAddress(address, destination),
      mayKnow: (reference) =>
        isTrusted || (asked.vault.has(reference) && granted.vault.has(reference)),
    }
  }

  /** A tenant writes its configuration itself, so a secret must have been granted to it by name. */
  #grantedTo(pluginName: string, tenant: string | null): Lists {
    const own = this.#grants[pluginName] ?? {}
    if (tenant === null) return toLists(own)
    const more = this.#grants[`${pluginName}@${tenant}`] ?? {}
    return toLists({
      http: [...(own.http ?? []), ...(more.http ?? [])],
      cache: (own.cache ?? false) || (more.cache ?? false),
      store: (own.store ?? false) || (more.store ?? false),
      vault: more.vault ?? [],
    })
  }
}

export function notGranted(
  member: PdkMember | 'config',
  permissions: Permissions,
  wanted: string,
): PdkError {
  return new PdkError('NOT_GRANTED', `${member}: ${notGrantedText(permissions, wanted)}`)
}

export function notGrantedText({ pluginName, tenant }: Permissions, wanted: string): string {
  const name = tenant === null ? pluginName : `${pluginName}@${tenant}`
  return `needs the permission ${wanted}, in the plugin's manifest and in plugin_grants of "${name}"`
}

interface Lists {
  readonly http: HostList
  readonly cache: boolean
  readonly store: boolean
  readonly vault: SecretList
}

const EVERYTHING: Lists = {
  http: new HostList(['*:*']),
  cache: true,
  store: true,
  vault: new SecretList(['{vault://']),
}

function toLists({
  http = [],
  cache = false,
  store = false,
  vault = [],
}: PluginPermissions): Lists {
  return { http: new HostList(http), cache, store, vault: new SecretList(vault) }
}
