import { didYouMean, formatPath, quote } from './config-error.ts'
import { ENTITIES, type CollectionName } from './entities.ts'
import type { ErrorList } from './error-list.ts'
import { stringAt, toText, type Located } from './located.ts'
import { idOf, isInSet, type RawEntity } from './raw-entity.ts'
import { stableUuid } from './uuid.ts'

/** Hints cost a comparison with every name: a file with more dangling references gets no more. */
const hintsMax = 50

/** Finds entities by id or by name, for references. */
export class EntityIndex {
  readonly #byId = new Map<string, Map<string, RawEntity>>()
  readonly #byName = new Map<string, Map<string, RawEntity>>()
  #hints = 0

  add(raw: RawEntity): void {
    const label = ENTITIES[raw.collection].labels[0]
    const name = label === undefined ? undefined : raw.value[label]
    if (typeof name === 'string') put(this.#byName, raw, name)
    put(this.#byId, raw, idOf(raw))
  }

  find(collection: CollectionName, key: string): RawEntity | null {
    const byId = this.#byId.get(collection)?.get(key.toLowerCase())
    return byId ?? this.byName(collection, key)
  }

  byName(collection: CollectionName | 'plugin_sets', name: string): RawEntity | null {
    return this.#byName.get(collection)?.get(name) ?? null
  }

  /** `no service "ordrs" in this file; did you mean "orders"?` */
  missing(collection: CollectionName | 'plugin_sets', name: string): string {
    const names = this.#hints++ < hintsMax ? (this.#byName.get(collection)?.keys() ?? []) : []
    return `no ${ENTITIES[collection].singular} ${quote(name)} in this file${didYouMean(name, names)}`
  }

  /** What a reference names; an error when it names nothing. `path` starts at `raw`. */
  resolve(
    node: Located,
    collection: CollectionName,
    fail: (message: string) => void,
  ): RawEntity | null {
    const { singular, labels } = ENTITIES[collection]
    const key = referenceKey(node, labels[0] ?? 'name')
    if (key === null) {
      fail(`must name a ${singular}, as text or as an object with id or ${labels[0] ?? 'name'}`)
      return null
    }
    const found = this.find(collection, key)
    if (found === null) fail(this.missing(collection, key))
    return found
  }
}

function put(index: Map<string, Map<string, RawEntity>>, raw: RawEntity, key: string): void {
  const own = index.get(raw.collection) ?? new Map<string, RawEntity>()
  index.set(raw.collection, own)
  // The first one wins; the second is reported as a duplicate.
  if (!own.has(key)) own.set(key, raw)
}

/** `"orders"`, `{ id: .. }`, `{ name: orders }`; null for anything else. */
function referenceKey(node: Located, label: string): string | null {
  if (node.kind !== 'map') return toText(node)
  const [key, ...more] = node.entries.keys()
  if (more.length > 0 || key === undefined) return null
  return ['id', 'name', label].includes(key) ? stringAt(node, key) : null
}

/** Gives an entity its id: the file's, or one made of what makes the entity unique. */
export function giveId(raw: RawEntity, errors: ErrorList): void {
  const own = raw.value['id']
  if (typeof own === 'string') {
    raw.value['id'] = own.toLowerCase()
    return
  }
  if (own !== undefined) errors.entity(raw, ['id'], `must be a uuid, got ${quote(own)}`)
  raw.value['id'] = stableUuid(`${raw.collection}:${uniqueKey(raw)}`)
}

function uniqueKey(raw: RawEntity): string {
  const { value, parent } = raw
  const text = (field: string) => (typeof value[field] === 'string' ? value[field] : '')
  const place = parent === null ? formatPath(raw.path) : `${idOf(parent.entity)}#${raw.path.at(-1)}`
  switch (raw.collection) {
    case 'targets':
      return `${refId(raw, 'upstream')}/${text('target') || place}`
    case 'keyauth_credentials':
      // Not made of the key: an id is shown to upstreams and in logs, and a weak key could be
      // guessed from it.
      return `${refId(raw, 'consumer')}/${place}`
    case 'plugins':
    case 'global_plugins': {
      const scopes = Object.keys(ENTITIES.plugins.parents).map((field) => refId(raw, field))
      const set = isInSet(raw) && parent !== null ? idOf(parent.entity) : ''
      return [text('name') || place, text('instance_name'), ...scopes, set].join('/')
    }
    case 'consumers':
      return text('username') || (value['custom_id'] ? `custom_id:${text('custom_id')}` : place)
    default:
      return text('name') || place
  }
}

/** The id that a reference field of a linked entity holds, or ''. */
export function refId(raw: RawEntity, field: string): string {
  const reference = raw.value[field] as { id: string } | null | undefined
  return reference?.id ?? ''
}

/** Turns the references of an entity into `{ id }`. */
export function linkReferences(raw: RawEntity, index: EntityIndex, errors: ErrorList): void {
  for (const [field, collection] of Object.entries(ENTITIES[raw.collection].parents)) {
    const node = raw.node.entries.get(field)?.value
    const isGiven = node !== undefined && !(node.kind === 'scalar' && node.value === null)
    if (isGiven && isInSet(raw)) {
      errors.entity(raw, [field], 'a plugin set has no scope; the routes that name it have')
    } else if (raw.parent?.field === field) {
      if (isGiven)
        errors.entity(raw, [field], `is given by its place in ${raw.parent.entity.label}`)
      raw.value[field] = { id: idOf(raw.parent.entity) }
    } else if (isGiven) {
      const found = index.resolve(node, collection, (message) =>
        errors.entity(raw, [field], message),
      )
      if (found !== null) raw.value[field] = { id: idOf(found) }
    }
  }
  if (raw.collection === 'global_plugins') refuseScopes(raw, errors)
  checkName(raw, 'tenant', 'tenants', { index, errors })
  if (raw.collection === 'routes') checkName(raw, 'plugin_set', 'plugin_sets', { index, errors })
}

function refuseScopes(raw: RawEntity, errors: ErrorList): void {
  for (const field of Object.keys(ENTITIES.plugins.parents)) {
    const node = raw.node.entries.get(field)?.value
    delete raw.value[field]
    if (node === undefined || (node.kind === 'scalar' && node.value === null)) continue
    errors.entity(raw, [field], 'a global plugin runs everywhere and has no scope; use plugins')
  }
}

/** A field that refers by name and keeps the name. */
function checkName(
  raw: RawEntity,
  field: string,
  collection: 'tenants' | 'plugin_sets',
  { index, errors }: { index: EntityIndex; errors: ErrorList },
): void {
  const name = raw.value[field]
  if (typeof name !== 'string' || index.byName(collection, name) !== null) return
  errors.entity(raw, [field], index.missing(collection, name))
}
