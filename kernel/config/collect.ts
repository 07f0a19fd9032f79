import { didYouMean, formatPath, quote, type PathSegment } from './config-error.ts'
import { ENTITIES, type CollectionName } from './entities.ts'
import type { ErrorList } from './error-list.ts'
import { stringAt, type Located, type LocatedMap } from './located.ts'
import { notServedYet } from './not-served-yet.ts'
import type { RawEntity } from './raw-entity.ts'
import { toValue } from './to-value.ts'

type Collection = CollectionName | 'plugin_sets'

interface Nested {
  readonly collection: Collection
  /** The field of the nested entity that its place stands for. */
  readonly field: string
}

/** Which lists of other entities an entity may carry. */
export const nestedIn: Readonly<Partial<Record<Collection, Readonly<Record<string, Nested>>>>> = {
  services: {
    routes: { collection: 'routes', field: 'service' },
    plugins: { collection: 'plugins', field: 'service' },
  },
  routes: { plugins: { collection: 'plugins', field: 'route' } },
  upstreams: { targets: { collection: 'targets', field: 'upstream' } },
  consumers: {
    keyauth_credentials: { collection: 'keyauth_credentials', field: 'consumer' },
    plugins: { collection: 'plugins', field: 'consumer' },
  },
  consumer_groups: { plugins: { collection: 'plugins', field: 'consumer_group' } },
  plugin_sets: { plugins: { collection: 'plugins', field: 'plugin_set' } },
}

/** Lists in which a consumer names its groups, or a group its consumers. */
export const membershipIn: Readonly<Partial<Record<Collection, string>>> = {
  consumers: 'groups',
  consumer_groups: 'consumers',
}

/** Notes for people, allowed at the top and in every entity. */
export const ignoredFields = ['_comment', '_ignore'] as const
const fileFields = ['_format_version', '_transform', ...ignoredFields]
const membershipCollection = 'consumer_group_consumers'

export interface Collected {
  /** In the order of the file. */
  readonly entities: readonly RawEntity[]
  /** The list of pairs of a consumer and a group, when there is one. */
  readonly memberships: Located | null
}

/** Finds the entities of a file, at the top and nested, and refuses what is no collection. */
export function collectEntities(root: LocatedMap, errors: ErrorList): Collected {
  const collector = new Collector(errors)
  for (const [key, { value }] of root.entries) {
    if (fileFields.includes(key)) continue
    if (isCollection(key)) collector.list(key, value, [key], null)
    else if (key !== membershipCollection) refuseCollection(root, key, value, errors)
  }
  const memberships = root.entries.get(membershipCollection)?.value ?? null
  return { entities: collector.entities, memberships }
}

const isCollection = (key: string): key is Collection => Object.hasOwn(ENTITIES, key)

function refuseCollection(root: LocatedMap, key: string, value: Located, errors: ErrorList): void {
  const known = notServedYet.find((row) => row.entity === 'file' && row.field === key)
  if (known === undefined) {
    const names = [...Object.keys(ENTITIES), membershipCollection, ...fileFields]
    errors.file(root, [key], `unknown field${didYouMean(key, names)}`)
  } else if (known.asks(toValue(value, {}))) {
    errors.file(root, [key], known.sentence)
  }
}

class Collector {
  readonly entities: RawEntity[] = []
  readonly #errors: ErrorList
  readonly #counts = new Map<Collection, number>()

  constructor(errors: ErrorList) {
    this.#errors = errors
  }

  list(
    collection: Collection,
    node: Located,
    path: readonly PathSegment[],
    parent: RawEntity['parent'],
  ): void {
    if (node.kind === 'scalar' && node.value === null) return
    if (node.kind === 'list') {
      node.items.forEach((item, index) => this.#one(collection, item, [...path, index], parent))
      return
    }
    const message = `must be a list of ${plural(collection)}, got ${shown(collection, node)}`
    this.#refuse(node, path, parent, message)
  }

  #one(
    collection: Collection,
    node: Located,
    path: readonly PathSegment[],
    parent: RawEntity['parent'],
  ): void {
    if (node.kind !== 'map') {
      const message = `must be a ${ENTITIES[collection].singular}, got ${shown(collection, node)}`
      this.#refuse(node, path, parent, message)
      return
    }
    const ordinal = (this.#counts.get(collection) ?? 0) + 1
    this.#counts.set(collection, ordinal)
    const label = labelOf(collection, node, path, parent)
    const raw = {
      collection,
      node,
      path,
      parent,
      ordinal,
      value: {},
      failed: new Set<string>(),
      label,
    }
    this.entities.push(raw)
    for (const [key, { collection: inner, field }] of Object.entries(nestedIn[collection] ?? {})) {
      const nested = node.entries.get(key)
      if (nested !== undefined)
        this.list(inner, nested.value, [...path, key], { field, entity: raw })
    }
  }

  #refuse(
    node: Located,
    path: readonly PathSegment[],
    parent: RawEntity['parent'],
    message: string,
  ): void {
    if (parent === null) this.#errors.at(node.offset, `${formatPath(path)}: ${message}`)
    else this.#errors.entity(parent.entity, path.slice(parent.entity.path.length), message)
  }
}

/** Who writes a key where a credential should be must not find it in a log. */
const shown = (collection: Collection, node: Located) =>
  collection.endsWith('_credentials') ? '(hidden)' : quote(toValue(node, {}))

const plural = (collection: Collection) => `${ENTITIES[collection].singular}s`

/** `route "orders"`, `plugin "key-auth" of route "orders"`, `route #3` when it has no name. */
function labelOf(
  collection: Collection,
  node: LocatedMap,
  path: readonly PathSegment[],
  parent: RawEntity['parent'],
): string {
  const { singular, labels } = ENTITIES[collection]
  const names = labels.map((field) => stringAt(node, field))
  const name = names.find((text) => text !== null) ?? null
  const place = path.at(-1)
  const number = typeof place === 'number' ? ` #${place + 1}` : ''
  const own = name === null ? `${singular}${number}` : `${singular} ${quote(name)}`
  const isBelow = parent !== null && (name === null || collection === 'plugins')
  return isBelow ? `${own} of ${parent.entity.label}` : own
}
