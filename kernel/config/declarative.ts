import { createHash } from 'node:crypto'
import { checkEntity, inSchemaOrder } from './check-entity.ts'
import { type CheckInstance, checkInstances } from './check-instances.ts'
import { createKernelLimits, type LimitBook } from '../limit-book.ts'
import { checkProtocols, checkTenantLimits, checkTenants, checkUnique } from './check-together.ts'
import { collectEntities } from './collect.ts'
import { type ConfigError, formatConfigError, quote } from './config-error.ts'
import { type CollectionName, ENTITIES, type Entities, type PluginInstance } from './entities.ts'
import { ErrorList } from './error-list.ts'
import { expressionWarnings } from './expression-rules.ts'
import { EntityIndex, giveId, linkReferences } from './link.ts'
import { type LocatedMap, stringAt } from './located.ts'
import { linkMemberships } from './memberships.ts'
import { checkPluginScopes, type KnownPlugins, readPluginConfig } from './plugin-config.ts'
import { expandPluginSets, type PlacedInstance } from './plugin-sets.ts'
import { isInSet, type RawEntity } from './raw-entity.ts'
import { readFields } from './read-fields.ts'
import { grpcWarnings } from './route-protocols.ts'
import { readYaml } from './read-yaml.ts'
import { toValue } from './to-value.ts'

export type { ConfigError, KnownPlugins }
export { formatConfigError }

export interface DeclarativeOptions {
  /** As errors show it. */
  readonly filename: string
  readonly plugins: KnownPlugins
  /** What tenants may lower, and from where; default what the kernel holds plugins to. */
  readonly limits?: LimitBook
  /** Lets through what can be explained, though nothing serves it: stream routes. */
  readonly explains?: boolean
  /** Looks at each plugin instance of a file that is right in itself. */
  readonly checkInstance?: CheckInstance
}

export type DeclarativeResult =
  | {
      readonly ok: true
      readonly entities: Entities
      /** Of the entities, not of the text: equal hashes mean equal behaviour. */
      readonly hash: string
      readonly warnings: readonly string[]
    }
  | { readonly ok: false; readonly errors: readonly ConfigError[] }

const formatVersions = ['1.1', '2.1', '3.0']

/**
 * Reads a declarative file in Kong's format, YAML or JSON, with our additions. Either everything in
 * it is right, and what comes out is complete and normalised, or nothing of it is used and all
 * errors are listed. No input makes it throw.
 */
export function loadDeclarative(text: string, options: DeclarativeOptions): DeclarativeResult {
  const { result, position } = readYaml(text)
  const errors = new ErrorList(options.filename, position)
  for (const { message, offset, earlierOffset } of result.errors) {
    const first =
      earlierOffset === undefined ? '' : `, first in line ${errors.lineAt(earlierOffset)}`
    errors.at(offset, `${message}${first}`)
  }
  const { root } = result
  if (root !== null && root.kind !== 'map') {
    errors.at(
      root.offset,
      `the file must be an object with _format_version, got ${quote(toValue(root, {}))}`,
    )
  }
  if (root === null || root.kind !== 'map') return { ok: false, errors: errors.toArray() }
  return loadRoot(root, options, errors)
}

function loadRoot(
  root: LocatedMap,
  {
    plugins,
    limits = createKernelLimits(),
    explains = false,
    checkInstance = () => [],
  }: DeclarativeOptions,
  errors: ErrorList,
): DeclarativeResult {
  const version = readVersion(root, errors)
  const { entities, memberships } = collectEntities(root, errors)
  const index = new EntityIndex()
  for (const raw of entities) {
    readFields(raw, errors, { migratesPaths: version !== null && version !== '3.0', explains })
    if (!isIdFromReferences(raw)) {
      giveId(raw, errors)
      index.add(raw)
    }
  }
  for (const raw of entities) {
    linkReferences(raw, index, errors)
    if (isIdFromReferences(raw)) giveId(raw, errors)
  }
  linkMemberships(entities, memberships, { index, errors })
  for (const raw of entities) {
    if (isPlugin(raw)) readPluginConfig(raw, plugins, errors)
    checkEntity(raw, errors)
    if (isPlugin(raw)) checkPluginScopes(raw, plugins, errors)
  }
  checkUnique(entities, errors)
  checkTenants(entities, errors)
  checkTenantLimits(entities, limits, errors)
  if (!explains) checkProtocols(entities, errors)
  const expanded = errors.isEmpty ? expandPluginSets(entities, index, errors) : []
  const instanceWarnings = errors.isEmpty
    ? checkInstances([...placedInstances(entities), ...expanded], checkInstance, errors)
    : []
  if (!errors.isEmpty) return { ok: false, errors: errors.toArray() }
  const loaded = toEntities(
    entities,
    expanded.map(({ instance }) => instance),
  )
  const warnings = [
    ...instanceWarnings,
    ...orderingWarnings(loaded, plugins),
    ...tenantWarnings(loaded),
    ...expressionWarnings(loaded),
    ...grpcWarnings(loaded),
  ]
  if (version !== '3.0') {
    warnings.push(`_format_version ${quote(version)}: paths are read as that version meant them`)
  }
  return { ok: true, entities: loaded, hash: hashOf(loaded), warnings }
}

function readVersion(root: LocatedMap, errors: ErrorList): string | null {
  const version = stringAt(root, '_format_version')
  if (version !== null && formatVersions.includes(version)) return version
  const wanted = `must be one of ${formatVersions.map(quote).join(', ')}`
  const node = root.entries.get('_format_version')?.value
  const got = node === undefined ? 'but is missing' : `got ${quote(version ?? toValue(node, {}))}`
  errors.file(root, ['_format_version'], `${wanted}, ${got}`)
  return null
}

const isPlugin = ({ collection }: RawEntity) =>
  collection === 'plugins' || collection === 'global_plugins'

/** Entities whose ids follow from what they refer to; nothing refers to them. */
const isIdFromReferences = ({ collection }: RawEntity) =>
  collection !== 'routes' && Object.keys(ENTITIES[collection].parents).length > 0

function toEntities(raws: readonly RawEntity[], expanded: readonly PluginInstance[]): Entities {
  const entities = {
    tenants: [],
    services: [],
    routes: [],
    upstreams: [],
    targets: [],
    consumers: [],
    consumer_groups: [],
    plugins: [...expanded],
    global_plugins: [],
    keyauth_credentials: [],
  } as Record<CollectionName, unknown[]>
  for (const raw of raws) {
    if (raw.collection === 'plugin_sets' || isInSet(raw)) continue
    entities[raw.collection].push(inSchemaOrder(raw))
  }
  return entities as unknown as Entities
}

/** Those of plugin sets are instances of the routes that name the set. */
function placedInstances(raws: readonly RawEntity[]): PlacedInstance[] {
  return raws
    .filter((raw) => isPlugin(raw) && !isInSet(raw))
    .map((raw) => ({ raw, instance: raw.value as unknown as PluginInstance }))
}

function hashOf(entities: Entities): string {
  const hash = createHash('sha256')
  for (const [collection, list] of Object.entries(entities)) {
    hash.update(`${collection}\n`)
    // Piece by piece: the whole text could be longer than a string may be.
    for (const entity of list) hash.update(JSON.stringify(entity)).update('\n')
  }
  return hash.digest('hex')
}

/** The rule of tenants allows it, since it refers to nothing, but it sees everybody's requests. */
function tenantWarnings(entities: Entities): string[] {
  const unbound = entities.plugins.filter(
    ({ route, service, consumer, consumer_group }) =>
      (route ?? service ?? consumer ?? consumer_group) === null,
  )
  return [...unbound, ...entities.global_plugins]
    .filter(({ tenant }) => tenant !== null)
    .map(
      ({ name, tenant }) =>
        `plugin ${quote(name)} belongs to tenant ${quote(tenant)}, but runs for the requests of all`,
    )
}

/** A name that orders nothing is allowed, and rarely what was meant. */
function orderingWarnings(entities: Entities, plugins: KnownPlugins): string[] {
  const warnings: string[] = []
  for (const { name, ordering } of [...entities.plugins, ...entities.global_plugins]) {
    const phases = [
      ...Object.values(ordering?.before ?? {}),
      ...Object.values(ordering?.after ?? {}),
    ]
    for (const other of new Set(phases.flat())) {
      if (plugins.has(other)) continue
      warnings.push(`plugin ${quote(name)}: ordering names ${quote(other)}, which is not loaded`)
    }
  }
  return [...new Set(warnings)]
}
