import { toPermissions } from './permissions.ts'
import { isPhase, type Phase, PHASE_NAMES } from './phase.ts'
import type { PluginManifest } from './plugin.ts'

const NAME = /^[a-z0-9][a-z0-9-]{0,63}$/
const VERSION = /^\d{1,9}\.\d{1,9}\.\d{1,9}(?:[-+][0-9A-Za-z.+-]{1,64})?$/
const PRIORITY_MAX = 2 ** 31
const LIFECYCLE = new Set(['init', 'configure', 'close'])
const FIELDS = new Set(['name', 'version', 'priority', 'config', 'permissions', 'scopes'])

/**
 * Reads what a gateway must know of a plugin from the default export of its module. Throws a
 * `TypeError` that names the field, quotes the value and says what is wanted.
 */
export function toManifest(plugin: unknown): PluginManifest {
  if (typeof plugin !== 'object' || plugin === null) {
    throw new TypeError(
      `a plugin is a default export: expected an object like definePlugin({ name, version, .. }), got ${quote(plugin)}`,
    )
  }
  const fields = plugin as Record<string, unknown>
  const { name, version, priority = 0, config, permissions, scopes } = fields
  if (typeof name !== 'string' || !NAME.test(name)) {
    throw new TypeError(
      `plugin name: expected lower-case letters, digits and dashes, 1 to 64 of them, got ${quote(name)}`,
    )
  }
  if (typeof version !== 'string' || !VERSION.test(version)) {
    throw new TypeError(
      `plugin "${name}": version: expected a version like "1.0.0", got ${quote(version)}`,
    )
  }
  if (typeof priority !== 'number' || !(Math.abs(priority) <= PRIORITY_MAX)) {
    throw new TypeError(
      `plugin "${name}": priority: expected a number between -2^31 and 2^31, got ${quote(priority)}`,
    )
  }
  if (config !== undefined && (typeof config !== 'object' || config === null)) {
    throw new TypeError(
      `plugin "${name}": config: expected a JSON Schema such as Type.Object({..}), got ${quote(config)}`,
    )
  }
  return {
    name,
    version,
    priority,
    phases: readPhases(name, fields),
    schema: config === undefined ? null : (JSON.parse(JSON.stringify(config)) as object),
    ...(permissions === undefined
      ? {}
      : { permissions: toPermissions(permissions, `plugin "${name}": permissions`) }),
    scopes: readScopes(name, scopes),
  }
}

function readPhases(name: string, fields: Record<string, unknown>): Phase[] {
  const phases: Phase[] = []
  for (const [key, value] of Object.entries(fields)) {
    if (FIELDS.has(key)) continue
    if (key === 'requestBodyFilter') {
      throw new TypeError(`plugin "${name}": requestBodyFilter is reserved and not served yet`)
    }
    if (!isPhase(key) && !LIFECYCLE.has(key)) {
      throw new TypeError(
        `plugin "${name}": unknown field ${quote(key)}; handlers are ${PHASE_NAMES.join(', ')}`,
      )
    }
    if (typeof value !== 'function') {
      throw new TypeError(`plugin "${name}": ${key}: expected a function, got ${quote(value)}`)
    }
    if (isPhase(key)) phases.push(key)
  }
  return PHASE_NAMES.filter((phase) => phases.includes(phase))
}

function readScopes(name: string, scopes: unknown): PluginManifest['scopes'] {
  const all = { consumer: true, route: true, service: true }
  if (scopes === undefined) return all
  if (typeof scopes !== 'object' || scopes === null) {
    throw new TypeError(`plugin "${name}": scopes: expected an object, got ${quote(scopes)}`)
  }
  for (const [key, value] of Object.entries(scopes)) {
    if (!(key in all) || typeof value !== 'boolean') {
      throw new TypeError(
        `plugin "${name}": scopes.${key}: expected consumer, route or service with true or false, got ${quote(value)}`,
      )
    }
  }
  return { ...all, ...(scopes as Partial<typeof all>) }
}

function quote(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 100))
  if (typeof value === 'object' && value !== null)
    return Array.isArray(value) ? 'a list' : 'an object'
  return typeof value === 'function' ? 'a function' : String(value)
}
