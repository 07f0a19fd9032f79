import type { Located, LocatedScalar } from './located.ts'
import { allowsType, itemSchema, memberSchema, type SchemaView } from './schema-view.ts'

/**
 * Located data as plain data, read with the help of its schema: an unquoted `1.10` or `yes` is a
 * string where a string is wanted, and a null is as if the field were not there where null means
 * nothing.
 */
export function toValue(node: Located, schema: SchemaView): unknown {
  if (node.kind === 'scalar') return scalarValue(node, schema)
  if (node.kind === 'list') {
    const items = itemSchema(schema)
    return node.items.map((item) => toValue(item, items))
  }
  const value: Record<string, unknown> = {}
  for (const [key, entry] of node.entries) {
    const member = memberSchema(schema, key)
    if (isUnset(entry.value, member)) continue
    value[key] = toValue(entry.value, member)
  }
  return value
}

/** Whether a field that is null here says nothing. */
export function isUnset(node: Located, schema: SchemaView): boolean {
  return node.kind === 'scalar' && node.value === null && !allowsType(schema, 'null')
}

function scalarValue(node: LocatedScalar, schema: SchemaView): LocatedScalar['value'] {
  const { value, source } = node
  if (source === null || typeof value === 'string' || value === null) return value
  const type = typeof value === 'boolean' ? 'boolean' : numberType(value)
  return !allowsType(schema, type) && allowsType(schema, 'string') ? source : value
}

const numberType = (value: number) => (Number.isInteger(value) ? 'integer' : 'number')
