import { didYouMean, quote } from './config-error.ts'
import type { PluginInstance } from './entities.ts'
import type { ErrorList } from './error-list.ts'
import type { RawEntity } from './raw-entity.ts'
import { toValue } from './to-value.ts'
import { PluginSchemaError } from './plugin-schema.ts'
import { compilePluginSchema, type Validator } from './validate.ts'

/** What the configuration must know of a plugin. A `PluginManifest` has this shape. */
export interface PluginSchemaInfo {
  readonly name: string
  /** JSON Schema of `config`; null accepts only an empty configuration. */
  readonly schema: object | null
  /** Scopes that make sense for the plugin; all of them when it says nothing. */
  readonly scopes?: {
    readonly consumer: boolean
    readonly route: boolean
    readonly service: boolean
  }
}

export type KnownPlugins = ReadonlyMap<string, PluginSchemaInfo>

/** So many names fit into a message. */
const namesMax = 30

/** Reads and validates `config` of a plugin instance, with the plugin's own schema. */
export function readPluginConfig(raw: RawEntity, plugins: KnownPlugins, errors: ErrorList): void {
  const { name } = raw.value
  // Also what cannot be checked stays as it is: the file is refused anyway.
  raw.value['config'] ??= {}
  if (typeof name !== 'string' || raw.failed.has('name')) return
  const plugin = plugins.get(name)
  if (plugin === undefined) {
    errors.entity(raw, ['name'], `no plugin ${quote(name)} is loaded${knownNames(name, plugins)}`)
    return
  }
  const validate = compile(raw, plugin, errors)
  if (validate === null) return
  const node = raw.node.entries.get('config')?.value
  const isGiven = node !== undefined && !(node.kind === 'scalar' && node.value === null)
  const config = isGiven ? toValue(node, plugin.schema ?? {}) : {}
  if (typeof config !== 'object' || config === null || Array.isArray(config)) {
    errors.entity(raw, ['config'], `must be an object, got ${quote(config)}`)
    return
  }
  for (const { path, message } of validate(config)) {
    errors.entity(raw, ['config', ...path], message)
  }
  raw.value['config'] = config
}

function compile(raw: RawEntity, plugin: PluginSchemaInfo, errors: ErrorList): Validator | null {
  try {
    return compilePluginSchema(plugin.schema)
  } catch (error) {
    if (!(error instanceof PluginSchemaError)) throw error
    const subject = `the schema of plugin ${quote(plugin.name)} cannot be used`
    errors.entity(raw, ['config'], `${subject}: ${error.message}`)
    return null
  }
}

/** Refuses scopes that the plugin says make no sense for it. */
export function checkPluginScopes(raw: RawEntity, plugins: KnownPlugins, errors: ErrorList): void {
  const instance = raw.value as unknown as PluginInstance
  const scopes = plugins.get(instance.name)?.scopes
  if (scopes === undefined) return
  const fields = {
    route: scopes.route,
    service: scopes.service,
    consumer: scopes.consumer,
    consumer_group: scopes.consumer,
  }
  for (const [field, isAllowed] of Object.entries(fields)) {
    const reference = instance[field as keyof typeof fields]
    if (isAllowed || reference === null || reference === undefined) continue
    errors.entity(raw, [field], `plugin ${quote(instance.name)} cannot be bound to a ${field}`)
  }
}

function knownNames(name: string, plugins: KnownPlugins): string {
  const hint = didYouMean(name, plugins.keys())
  const names = [...plugins.keys()].toSorted()
  if (names.length === 0) return hint
  const more = names.length > namesMax ? ', ..' : ''
  return `${hint} (loaded are ${names.slice(0, namesMax).join(', ')}${more})`
}
