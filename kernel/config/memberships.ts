import { membershipIn } from './collect.ts'
import { quote, type FieldPath } from './config-error.ts'
import type { ErrorList } from './error-list.ts'
import type { EntityIndex } from './link.ts'
import type { Located } from './located.ts'
import { idOf, type RawEntity } from './raw-entity.ts'
import { toValue } from './to-value.ts'

type Side = 'consumer' | 'consumer_group'

const collectionOf = { consumer: 'consumers', consumer_group: 'consumer_groups' } as const
/** Fields that Kong's exports give a pair, without a meaning here. */
const pairFields = ['id', 'created_at', 'updated_at', 'consumer', 'consumer_group']

/**
 * Puts consumers into groups: `consumers[].groups`, `consumer_groups[].consumers` and Kong's list
 * of pairs, `consumer_group_consumers`. Afterwards `groups` of a consumer are ids.
 */
export function linkMemberships(
  entities: readonly RawEntity[],
  pairs: Located | null,
  { index, errors }: { index: EntityIndex; errors: ErrorList },
): void {
  for (const raw of entities) {
    const field = membershipIn[raw.collection]
    const list = field === undefined ? undefined : raw.node.entries.get(field)?.value
    if (field === undefined || list === undefined) continue
    const other: Side = raw.collection === 'consumers' ? 'consumer_group' : 'consumer'
    for (const [position, node] of items(list, (text) => errors.entity(raw, [field], text))) {
      const fail = (text: string) => errors.entity(raw, [field, position], text)
      const found = index.resolve(unwrap(node, other), collectionOf[other], fail)
      if (found === null) continue
      if (other === 'consumer') join(found, raw)
      else join(raw, found)
    }
  }
  if (pairs !== null) linkPairs(pairs, { index, errors })
}

function linkPairs(
  pairs: Located,
  { index, errors }: { index: EntityIndex; errors: ErrorList },
): void {
  const fail = (path: FieldPath) => (message: string) =>
    errors.at(
      pairs.offset,
      `consumer_group_consumers${path.map((at) => `[${at}]`).join('')}: ${message}`,
    )
  for (const [position, node] of items(pairs, fail([]))) {
    const failHere = (message: string) =>
      errors.at(node.offset, `consumer_group_consumers[${position}]: ${message}`)
    const entries = node.kind === 'map' ? node.entries : null
    const consumerNode = entries?.get('consumer')?.value
    const groupNode = entries?.get('consumer_group')?.value
    const unknown = [...(entries?.keys() ?? [])].find((key) => !pairFields.includes(key))
    if (consumerNode === undefined || groupNode === undefined || unknown !== undefined) {
      failHere(
        unknown === undefined
          ? 'must have consumer and consumer_group'
          : `unknown field ${quote(unknown)}`,
      )
      continue
    }
    const consumer = index.resolve(consumerNode, 'consumers', failHere)
    const group = index.resolve(groupNode, 'consumer_groups', failHere)
    if (consumer !== null && group !== null) join(consumer, group)
  }
}

function join(consumer: RawEntity, group: RawEntity): void {
  const groups = (consumer.value['groups'] ??= []) as string[]
  const id = idOf(group)
  if (!groups.includes(id)) groups.push(id)
}

function* items(
  list: Located,
  fail: (message: string) => void,
): Generator<readonly [number, Located]> {
  if (list.kind === 'scalar' && list.value === null) return
  if (list.kind === 'list') yield* list.items.entries()
  else fail(`must be a list, got ${quote(toValue(list, {}))}`)
}

/** Kong's exports nest the reference once more: `{ consumer_group: { id: .. } }`. */
function unwrap(node: Located, field: Side): Located {
  const inner = node.kind === 'map' && node.entries.size === 1 ? node.entries.get(field) : undefined
  return inner?.value ?? node
}
