import type { ErrorObject } from 'ajv/dist/2020.js'
import { didYouMean, quote, type PathSegment } from './config-error.ts'
import { itemSchema, type SchemaView } from './schema-view.ts'

interface Described {
  readonly path: PathSegment[]
  readonly message: string
}

/** The validator's errors as sentences that say what is wanted and quote what is there. */
export function describeErrors(
  errors: readonly ErrorObject[],
  toPath: (pointer: string) => PathSegment[],
): Described[] {
  const described: Described[] = []
  const seen = new Set<string>()
  for (const error of withoutNoise(errors)) {
    const { at, message } = describe(error)
    const path = [...toPath(error.instancePath), ...at]
    const key = JSON.stringify([path, message])
    if (!seen.has(key)) described.push({ path, message })
    seen.add(key)
  }
  return described
}

/**
 * A failed union is reported once for itself and once for each of its branches. When a branch got
 * further into the value than the union, its errors are the helpful ones; otherwise the union's.
 */
function withoutNoise(errors: readonly ErrorObject[]): ErrorObject[] {
  const dropped = new Set<ErrorObject>()
  for (const union of errors) {
    if (union.keyword !== 'anyOf' && union.keyword !== 'oneOf') continue
    const inside = errors.filter((error) => error.schemaPath.startsWith(`${union.schemaPath}/`))
    const deeper = inside.filter((error) => isDeeper(error, union))
    if (deeper.length > 0) dropped.add(union)
    for (const error of inside) if (!deeper.includes(error)) dropped.add(error)
  }
  return errors.filter((error) => !dropped.has(error) && error.keyword !== 'if')
}

const isDeeper = (error: ErrorObject, union: ErrorObject) =>
  error.instancePath.length > union.instancePath.length ||
  error.keyword === 'required' ||
  error.keyword === 'additionalProperties'

function describe(error: ErrorObject): { at: PathSegment[]; message: string } {
  const params = error.params as Record<string, unknown>
  const schema = (error.parentSchema ?? {}) as SchemaView
  if (error.keyword === 'required') {
    return { at: [String(params['missingProperty'])], message: 'is missing' }
  }
  if (error.keyword === 'additionalProperties' || error.keyword === 'unevaluatedProperties') {
    const field = String(params['additionalProperty'] ?? params['unevaluatedProperty'])
    const known = Object.keys(schema.properties ?? {})
    return { at: [field], message: `unknown field${didYouMean(field, known)}` }
  }
  const isSecret = schema.writeOnly === true || itemSchema(schema).writeOnly === true
  const got = isSecret ? '(hidden)' : quote(error.data)
  return { at: [], message: `must ${demand(error, schema)}, got ${got}` }
}

/** What follows "must". */
function demand(error: ErrorObject, schema: SchemaView): string {
  const params = error.params as Record<string, unknown>
  const limit = params['limit']
  switch (error.keyword) {
    case 'type':
      return `be ${schema.wanted ?? typeWords(params['type'])}`
    case 'enum':
    case 'const':
    case 'anyOf':
    case 'oneOf':
      return `be ${schemaWords(schema)}`
    case 'pattern':
      return schema.wanted === undefined
        ? `match the pattern ${quote(params['pattern'])}`
        : `be ${schema.wanted}`
    case 'minimum':
      return `be at least ${String(limit)}`
    case 'maximum':
      return `be at most ${String(limit)}`
    case 'exclusiveMinimum':
      return `be more than ${String(limit)}`
    case 'exclusiveMaximum':
      return `be less than ${String(limit)}`
    case 'minLength':
      return limit === 1 ? 'not be empty' : `have at least ${String(limit)} characters`
    case 'maxLength':
      return `have at most ${String(limit)} characters`
    case 'minItems':
    case 'minProperties':
      return limit === 1 ? 'not be empty' : `have at least ${String(limit)} entries`
    case 'maxItems':
    case 'maxProperties':
      return `have at most ${String(limit)} entries`
    case 'uniqueItems':
      return 'not hold the same value twice'
    case 'format':
      return `be in the format ${quote(params['format'])}`
    default:
      return (error.message ?? 'be valid').replace(/^must /, '')
  }
}

const words: Readonly<Record<string, string>> = {
  string: 'a string',
  number: 'a number',
  integer: 'a whole number',
  boolean: 'true or false',
  array: 'a list',
  object: 'an object',
  null: 'null',
}

/** null is what a missing field is, so nobody has to be told that it may be null. */
function typeWords(types: unknown): string {
  const list = Array.isArray(types) ? types : String(types).split(',')
  const shown = list.filter((type) => type !== 'null' || list.length === 1)
  return shown.map((type) => words[String(type)] ?? String(type)).join(' or ')
}

function schemaWords(schema: SchemaView): string {
  if (schema.wanted !== undefined) return schema.wanted
  if (Object.hasOwn(schema, 'const')) return quote(schema.const)
  if (schema.enum !== undefined) {
    const shown = schema.enum.filter((value) => value !== null).map(quote)
    return shown.length === 1 ? (shown[0] ?? '') : `one of ${shown.join(', ')}`
  }
  const choices = schema.anyOf ?? schema.oneOf
  if (choices !== undefined) return [...new Set(choices.map(schemaWords))].join(' or ')
  return schema.type === undefined ? 'something else' : typeWords(schema.type)
}
