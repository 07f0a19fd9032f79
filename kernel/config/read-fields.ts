import { ignoredFields, membershipIn, nestedIn } from './collect.ts'
import { quote } from './config-error.ts'
import { ENTITIES } from './entities.ts'
import type { ErrorList } from './error-list.ts'
import { toText } from './located.ts'
import { notServedYet } from './not-served-yet.ts'
import type { RawEntity } from './raw-entity.ts'
import { isGrpc } from './route-protocols.ts'
import { memberSchema } from './schema-view.ts'
import { parseServiceUrl } from './service-url.ts'
import { normalizeTarget } from './target-address.ts'
import { isUnset, toValue } from './to-value.ts'
import { migratePath2xTo3x } from './uri-migration.ts'

export interface ReadOptions {
  /** Paths are spelled as in the versions 1.1 and 2.1. */
  readonly migratesPaths: boolean
  /** What the router knows is let through, though nothing serves it. */
  readonly explains: boolean
}

/**
 * Fills `raw.value` with the entity's own fields: shorthands written out, addresses normalised,
 * features that nothing serves refused. References and `config` are left to those who know what
 * they mean.
 */
export function readFields(raw: RawEntity, errors: ErrorList, options: ReadOptions): void {
  const { schema, parents } = ENTITIES[raw.collection]
  for (const [key, { value: node }] of raw.node.entries) {
    if (isElsewhere(raw, key) || Object.hasOwn(parents, key)) continue
    const member = memberSchema(schema, key)
    if (!isUnset(node, member)) raw.value[key] = toValue(node, member)
  }
  refuseNotServed(raw, errors, options)
  if (raw.collection === 'services') expandUrl(raw, errors, options)
  if (raw.collection === 'targets') readTarget(raw, errors)
  if (raw.collection === 'routes') {
    if (options.migratesPaths) migrate(raw)
    // A gRPC path names a method: nothing of it can be taken away.
    const { protocols } = raw.value
    const hasGrpc = Array.isArray(protocols) && protocols.some(isGrpc)
    if (hasGrpc && !('strip_path' in raw.value)) raw.value['strip_path'] = false
  }
}

function isElsewhere(raw: RawEntity, key: string): boolean {
  if ((ignoredFields as readonly string[]).includes(key)) return true
  if (key === 'config' && raw.collection.endsWith('plugins')) return true
  if (membershipIn[raw.collection] === key) return true
  return Object.hasOwn(nestedIn[raw.collection] ?? {}, key)
}

const rowsByEntity = Object.groupBy(notServedYet, ({ entity }) => entity)

function refuseNotServed(raw: RawEntity, errors: ErrorList, { explains }: ReadOptions): void {
  for (const { field, asks, sentence, isRouted } of rowsByEntity[raw.collection] ?? []) {
    if (explains && isRouted) continue
    const path = field.split('.')
    const holder = path.slice(0, -1).reduce<unknown>(memberOf, raw.value)
    const name = path.at(-1) ?? field
    const value = memberOf(holder, name)
    if (value === undefined) continue
    const isRefused = asks(value)
    if (isRefused) errors.entity(raw, path, `${sentence}, got ${quote(value)}`)
    // Null asks for nothing, also where the schema does not know the field.
    if (isRefused || value === null) delete (holder as Record<string, unknown>)[name]
  }
}

function memberOf(holder: unknown, name: string): unknown {
  if (typeof holder !== 'object' || holder === null || !Object.hasOwn(holder, name))
    return undefined
  return (holder as Record<string, unknown>)[name]
}

const urlFields = ['protocol', 'host', 'port', 'path'] as const

function expandUrl(raw: RawEntity, errors: ErrorList, { explains }: ReadOptions): void {
  const node = raw.node.entries.get('url')?.value
  delete raw.value['url']
  if (node === undefined || (node.kind === 'scalar' && node.value === null)) return
  // Whatever is wrong with the url, nobody has to be told that the host is missing.
  raw.failed.add('host')
  const text = toText(node)
  const url = text === null ? null : parseServiceUrl(text)
  if (url === null) {
    // A url with a user in it is refused, and its password must not be in the message.
    const shown = quote(text?.replace(/\/\/[^/]*@/, '//(hidden)@') ?? toValue(node, {}))
    errors.entity(raw, ['url'], `must be like "http://hostname:port/path", got ${shown}`)
    return
  }
  const clash = urlFields.find((field) => field in raw.value && raw.value[field] !== url[field])
  if (clash !== undefined) {
    errors.entity(raw, ['url'], `says something else than ${clash}; give one of them`)
    return
  }
  Object.assign(raw.value, url)
  raw.failed.delete('host')
  const row = notServedYet.find(
    ({ entity, field }) => entity === 'services' && field === 'protocol',
  )
  if (row?.asks(url.protocol) === true && !explains) {
    errors.entity(raw, ['url'], `${row.sentence}, got ${quote(text)}`)
    raw.value['protocol'] = 'http'
  }
}

function readTarget(raw: RawEntity, errors: ErrorList): void {
  const { target } = raw.value
  if (typeof target !== 'string') return
  const normalized = normalizeTarget(target)
  if (normalized !== null) raw.value['target'] = normalized
  else errors.entity(raw, ['target'], `must be like "hostname:port", got ${quote(target)}`)
}

function migrate(raw: RawEntity): void {
  const { paths } = raw.value
  if (!Array.isArray(paths)) return
  raw.value['paths'] = paths.map((path: unknown) =>
    typeof path === 'string' ? migratePath2xTo3x(path) : path,
  )
}
