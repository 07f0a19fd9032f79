import type { LimitChanges } from '@sallyport/sdk/limits'
import type { LimitBook } from '../limit-book.ts'
import { quote, type FieldPath } from './config-error.ts'
import { ENTITIES } from './entities.ts'
import type { ErrorList } from './error-list.ts'
import { refId } from './link.ts'
import { idOf, isInSet, type RawEntity } from './raw-entity.ts'
import { isGrpc } from './route-protocols.ts'
import type { SchemaView } from './schema-view.ts'

/** Refuses entities that share what only one may have; names both lines. */
export function checkUnique(entities: readonly RawEntity[], errors: ErrorList): void {
  const known = new Map<string, RawEntity>()
  for (const raw of entities) {
    for (const { key, path, message } of uniqueKeys(raw)) {
      const first = known.get(key)
      if (first === undefined) known.set(key, raw)
      else if (!isSaid(raw, path)) {
        errors.entity(raw, path, `${message(first)} in line ${errors.lineOf(first, path)}`)
      }
    }
  }
}

/** Of two entities with one name the ids are often the same as well. */
const isSaid = (raw: RawEntity, path: FieldPath) => path[0] === 'id' && raw.failed.size > 0

interface UniqueKey {
  readonly key: string
  readonly path: FieldPath
  readonly message: (first: RawEntity) => string
}

function uniqueKeys(raw: RawEntity): UniqueKey[] {
  const { collection, value } = raw
  const { schema, singular, unique } = ENTITIES[collection]
  const keys: UniqueKey[] = []
  for (const field of unique) {
    const own = value[field]
    if (typeof own !== 'string') continue
    const isSecret = (schema as SchemaView).properties?.[field]?.writeOnly === true
    const shown = isSecret ? 'the same value' : quote(own)
    const message = (first: RawEntity) =>
      isSecret ? `is the same as that of the ${first.label}` : `${shown} is already a ${singular}`
    keys.push({ key: `${collection} ${field} ${own}`, path: [field], message })
  }
  const scope = scopeKey(raw)
  if (scope !== null) keys.push(scope)
  const taken = (first: RawEntity) => `${quote(value['id'])} is already the id of ${first.label}`
  // Where the file gives no id, it follows from what is unique.
  if (raw.node.entries.has('id')) {
    keys.push({ key: `${collection} id ${idOf(raw)}`, path: ['id'], message: taken })
  }
  return keys
}

/** A target is unique in its upstream, a plugin in its scope. */
function scopeKey(raw: RawEntity): UniqueKey | null {
  const { collection, value } = raw
  if (collection === 'targets' && typeof value['target'] === 'string') {
    return {
      key: `targets ${refId(raw, 'upstream')} ${value['target']}`,
      path: ['target'],
      message: () => `${quote(value['target'])} is already a target of this upstream`,
    }
  }
  if (collection !== 'plugins' || typeof value['name'] !== 'string') return null
  const set = isInSet(raw) && raw.parent !== null ? idOf(raw.parent.entity) : ''
  const fields = Object.keys(ENTITIES.plugins.parents)
  // A reference that leads nowhere says nothing about the scope.
  if (fields.some((field) => raw.failed.has(field))) return null
  const scope = fields.map((field) => refId(raw, field)).join(' ')
  return {
    key: `plugins ${set} ${scope} ${value['name']}`,
    path: ['name'],
    message: () => `${quote(value['name'])} is already there for the same scope`,
  }
}

/**
 * What a tenant owns may refer only to what it owns or what has no tenant. A plugin without a
 * tenant of its own belongs to the tenant of its route, else of its service: the code that runs
 * there is that tenant's business and nobody else's.
 */
export function checkTenants(entities: readonly RawEntity[], errors: ErrorList): void {
  const byId = new Map(entities.map((raw) => [`${raw.collection} ${idOf(raw)}`, raw]))
  for (const raw of entities) {
    const { parents } = ENTITIES[raw.collection]
    const scopes = Object.entries(parents).flatMap(([field, collection]) => {
      const target = byId.get(`${collection} ${refId(raw, field)}`)
      return target === undefined ? [] : [{ field, target }]
    })
    if (raw.collection === 'plugins' && tenantOf(raw) === null) {
      const owner = scopes.map(({ target }) => tenantOf(target)).find((name) => name !== null)
      if (owner !== undefined) raw.value['tenant'] = owner
    }
    const tenant = tenantOf(raw)
    if (tenant === null) continue
    for (const { field, target } of scopes) {
      const other = tenantOf(target)
      if (other === null || other === tenant) continue
      const owner = `belongs to tenant ${quote(tenant)}`
      errors.entity(
        raw,
        [field],
        `${target.label} belongs to tenant ${quote(other)}, but this ${owner}`,
      )
    }
  }
}

/** A tenant may lower limits of its own, from what the operator has set. */
export function checkTenantLimits(
  entities: readonly RawEntity[],
  book: LimitBook,
  errors: ErrorList,
): void {
  for (const raw of entities) {
    if (raw.collection !== 'tenants' || raw.failed.has('limits')) continue
    const limits = raw.value['limits'] as LimitChanges
    for (const [name, value] of Object.entries(limits)) {
      const problem = book.tenantProblem(name, value)
      if (problem !== null) errors.entity(raw, ['limits', name], problem)
    }
  }
}

function tenantOf(raw: RawEntity): string | null {
  const { tenant } = raw.value
  return typeof tenant === 'string' ? tenant : null
}

/** An http route cannot lead to a gRPC service: nothing here speaks HTTP/2 to upstreams yet. */
export function checkProtocols(entities: readonly RawEntity[], errors: ErrorList): void {
  const grpcServices = new Map<string, RawEntity>()
  for (const raw of entities) {
    if (raw.collection !== 'services' || !isGrpc(raw.value['protocol'])) continue
    grpcServices.set(idOf(raw), raw)
  }
  for (const raw of entities) {
    const service =
      raw.collection === 'routes' ? grpcServices.get(refId(raw, 'service') ?? '') : undefined
    const { protocols = ['http', 'https'] } = raw.value
    if (service === undefined || !Array.isArray(protocols) || !protocols.includes('http')) continue
    const got = `its protocol is ${quote(service.value['protocol'])}`
    errors.entity(raw, ['service'], `${service.label} is not served to http routes yet: ${got}`)
  }
}
