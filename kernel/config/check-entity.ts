import { ENTITIES } from './entities.ts'
import { entityRules } from './entity-rules.ts'
import type { ErrorList } from './error-list.ts'
import type { RawEntity } from './raw-entity.ts'
import type { SchemaView } from './schema-view.ts'
import { didYouMean } from './config-error.ts'
import { nestedIn } from './collect.ts'
import { compileEntitySchema } from './validate.ts'

/** Applies the defaults of an entity, and checks it against its schema and its rules. */
export function checkEntity(raw: RawEntity, errors: ErrorList): void {
  const { schema } = ENTITIES[raw.collection]
  raw.value['created_at'] ??= raw.ordinal
  raw.value['updated_at'] ??= raw.value['created_at']
  const saidBefore = new Set(raw.failed)
  for (const { path, message } of compileEntitySchema(schema)(raw.value)) {
    const field = path[0]
    if (typeof field === 'string' && saidBefore.has(field)) continue
    const isUnknown = path.length === 1 && message.startsWith('unknown field')
    errors.entity(raw, path, isUnknown ? unknownField(raw, String(field)) : message)
  }
  for (const { fields, check } of entityRules[raw.collection] ?? []) {
    if (fields.some((field) => raw.failed.has(field))) continue
    for (const { path, message } of check(raw.value as never)) errors.entity(raw, path, message)
  }
}

/** The hint knows also the fields that only a file has. */
function unknownField(raw: RawEntity, field: string): string {
  const names = [
    ...Object.keys((ENTITIES[raw.collection].schema as SchemaView).properties ?? {}),
    ...Object.keys(nestedIn[raw.collection] ?? {}),
    ...(raw.collection === 'services' ? ['url'] : []),
  ]
  return `unknown field${didYouMean(field, names)}`
}

/** The entity with its fields in the order of the schema: one shape, and one hash. */
export function inSchemaOrder(raw: RawEntity): Record<string, unknown> {
  const ordered: Record<string, unknown> = {}
  for (const field of Object.keys(
    (ENTITIES[raw.collection].schema as SchemaView).properties ?? {},
  )) {
    ordered[field] = raw.value[field]
  }
  return ordered
}
