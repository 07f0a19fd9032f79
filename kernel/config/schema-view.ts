/** The part of JSON Schema that reading a file with the help of a schema needs. */
export interface SchemaView {
  readonly type?: string | readonly string[]
  readonly properties?: Readonly<Record<string, SchemaView>>
  readonly patternProperties?: Readonly<Record<string, SchemaView>>
  readonly additionalProperties?: SchemaView | boolean
  readonly items?: SchemaView | boolean
  readonly anyOf?: readonly SchemaView[]
  readonly oneOf?: readonly SchemaView[]
  readonly allOf?: readonly SchemaView[]
  readonly enum?: readonly unknown[]
  readonly const?: unknown
  readonly writeOnly?: boolean
  readonly wanted?: string
}

export type JsonType = 'string' | 'number' | 'integer' | 'boolean' | 'null' | 'array' | 'object'

/** Whether a value of that type may be right at this place. Without a statement it may. */
export function allowsType(schema: SchemaView, type: JsonType): boolean {
  if (schema.type !== undefined && !typesOf(schema).some((own) => covers(own, type))) return false
  if (schema.enum !== undefined && !schema.enum.some((value) => typeOf(value, type))) return false
  if (Object.hasOwn(schema, 'const') && !typeOf(schema.const, type)) return false
  const choices = schema.anyOf ?? schema.oneOf
  if (choices !== undefined && !choices.some((choice) => allowsType(choice, type))) return false
  return schema.allOf === undefined || schema.allOf.every((part) => allowsType(part, type))
}

/** The schema of a member of an object, as far as it can be told without the value. */
export function memberSchema(schema: SchemaView, key: string): SchemaView {
  const own = schema.properties
  if (own !== undefined && Object.hasOwn(own, key)) return own[key] ?? {}
  const { additionalProperties } = schema
  if (typeof additionalProperties === 'object') return additionalProperties
  const patterns = Object.values(schema.patternProperties ?? {})
  if (patterns.length === 1) return patterns[0] ?? {}
  return choicesOf(schema, (part) => {
    const found = memberSchema(part, key)
    return found === nothing ? null : found
  })
}

export function itemSchema(schema: SchemaView): SchemaView {
  if (typeof schema.items === 'object') return schema.items
  return choicesOf(schema, (part) => {
    const found = itemSchema(part)
    return found === nothing ? null : found
  })
}

const nothing: SchemaView = {}

/** What the branches of a combination say about one place, as one combination. */
function choicesOf(schema: SchemaView, pick: (part: SchemaView) => SchemaView | null): SchemaView {
  const parts = [...(schema.anyOf ?? []), ...(schema.oneOf ?? []), ...(schema.allOf ?? [])]
  const found: SchemaView[] = []
  for (const part of parts) {
    const picked = pick(part)
    if (picked !== null) found.push(picked)
  }
  if (found.length === 0) return nothing
  return found.length === 1 ? (found[0] ?? nothing) : { anyOf: found }
}

function typesOf(schema: SchemaView): readonly string[] {
  if (schema.type === undefined) return []
  return typeof schema.type === 'string' ? [schema.type] : schema.type
}

const covers = (own: string, type: JsonType) =>
  own === type || (own === 'number' && type === 'integer')

function typeOf(value: unknown, type: JsonType): boolean {
  if (type === 'integer') return Number.isInteger(value)
  if (type === 'array') return Array.isArray(value)
  if (type === 'null') return value === null
  if (type === 'object') {
    return typeof value === 'object' && value !== null && !Array.isArray(value)
  }
  return typeof value === type
}
