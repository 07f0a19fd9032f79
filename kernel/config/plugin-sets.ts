import { quote } from './config-error.ts'
import type { PluginInstance, Route } from './entities.ts'
import type { ErrorList } from './error-list.ts'
import { refId, type EntityIndex } from './link.ts'
import { isInSet, type RawEntity } from './raw-entity.ts'
import { stableUuid } from './uuid.ts'

/** A plugin instance, and where it stands in the file. */
export interface PlacedInstance {
  readonly raw: RawEntity
  readonly instance: PluginInstance
}

/**
 * The plugins that routes get from the plugin sets they name. A plugin that the route configures
 * itself wins over the set's.
 */
export function expandPluginSets(
  entities: readonly RawEntity[],
  index: EntityIndex,
  errors: ErrorList,
): PlacedInstance[] {
  const bySet = Map.groupBy(entities.filter(isInSet), (raw) => raw.parent?.entity)
  const own = new Set(entities.flatMap((raw) => routeOnlyKey(raw) ?? []))
  const expanded: PlacedInstance[] = []
  for (const raw of entities) {
    if (raw.collection !== 'routes' || raw.failed.has('plugin_set')) continue
    const route = raw.value as unknown as Route
    const set = route.plugin_set === null ? null : index.byName('plugin_sets', route.plugin_set)
    for (const member of set === null ? [] : (bySet.get(set) ?? [])) {
      const plugin = member.value as unknown as PluginInstance
      if (own.has(`${route.id} ${plugin.name}`)) continue
      if (plugin.tenant !== null && route.tenant !== null && plugin.tenant !== route.tenant) {
        const theirs = `${member.label} belongs to tenant ${quote(plugin.tenant)}`
        const message = `${theirs}, but this belongs to tenant ${quote(route.tenant)}`
        errors.entity(raw, ['plugin_set'], message)
        continue
      }
      const instance = {
        ...plugin,
        id: stableUuid(`plugins:${plugin.id}/${route.id}`),
        config: structuredClone(plugin.config),
        route: { id: route.id },
        tenant: plugin.tenant ?? route.tenant,
      }
      expanded.push({ raw: member, instance })
    }
  }
  return expanded
}

/** Route and name of a plugin that is bound to a route and to nothing else. */
function routeOnlyKey(raw: RawEntity): string | null {
  if (raw.collection !== 'plugins' || isInSet(raw) || refId(raw, 'route') === '') return null
  const others = ['service', 'consumer', 'consumer_group']
  return others.some((field) => refId(raw, field) !== '')
    ? null
    : `${refId(raw, 'route')} ${String(raw.value['name'])}`
}
