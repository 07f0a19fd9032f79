import { formatPath, quote, type PathSegment } from './config-error.ts'

/**
 * The schema of a plugin's configuration may come from a package that nobody has read. It is
 * checked before a validator is made of it: what is allowed here costs at most schema size × value
 * size to validate, because nothing can refer to itself or be used twice.
 */

/** A schema's JSON. The largest of Kong's bundled plugins has 30 KB. */
export const schemaBytesMax = 64 * 1024
export const schemaDepthMax = 32

/** A plugin's schema cannot be used; the message says why, for the plugin's author. */
export class PluginSchemaError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'PluginSchemaError'
  }
}

/** What a keyword holds: one schema, a list or a map of them, or plain data. */
type KeywordKind = 'schema' | 'list' | 'map' | 'data'

const keywordKinds = new Map<string, KeywordKind>([
  ...keywords('schema', 'items additionalProperties contains not if then else propertyNames'),
  ...keywords('schema', 'unevaluatedProperties unevaluatedItems'),
  ...keywords('list', 'anyOf allOf oneOf prefixItems'),
  ...keywords('map', 'properties patternProperties dependentSchemas'),
  ...keywords('data', '$schema $comment title description default examples deprecated'),
  ...keywords('data', 'readOnly writeOnly type enum const format pattern'),
  ...keywords('data', 'minimum maximum exclusiveMinimum exclusiveMaximum multipleOf'),
  ...keywords('data', 'minLength maxLength minItems maxItems uniqueItems minContains maxContains'),
  ...keywords('data', 'minProperties maxProperties required dependentRequired'),
])

function keywords(kind: KeywordKind, names: string): [string, KeywordKind][] {
  return names.split(' ').map((word) => [word, kind])
}

/** Everything an instance without a schema may be configured with. */
const noConfiguration = { type: 'object', properties: {}, additionalProperties: false }

/**
 * Checks a plugin's schema and returns the copy to validate with, in which objects refuse unknown
 * fields unless the author said otherwise. Throws `PluginSchemaError`.
 */
export function preparePluginSchema(schema: object | null): Record<string, unknown> {
  if (schema === null) return noConfiguration
  let text: string | undefined
  try {
    text = JSON.stringify(schema)
  } catch {
    throw new PluginSchemaError(`it is no JSON, or nested deeper than ${schemaDepthMax} levels`)
  }
  const bytes = Buffer.byteLength(text ?? '')
  if (bytes > schemaBytesMax) {
    throw new PluginSchemaError(`it has ${bytes} bytes; at most ${schemaBytesMax} are allowed`)
  }
  const copy: unknown = JSON.parse(text ?? 'null')
  checkSchema(copy, [], 1)
  close(copy)
  return copy as Record<string, unknown>
}

function checkSchema(schema: unknown, path: PathSegment[], depth: number): void {
  if (typeof schema === 'boolean' && path.length > 0) return
  if (!isRecord(schema)) refuse(path, `must be a schema, got ${quote(schema)}`)
  if (depth > schemaDepthMax) refuse([], `it is nested deeper than ${schemaDepthMax} levels`)
  for (const [keyword, value] of Object.entries(schema)) {
    const here = [...path, keyword]
    const kind = keywordKinds.get(keyword)
    if (kind === undefined) refuse(here, unknownKeyword(keyword))
    if (kind === 'schema') checkSchema(value, here, depth + 1)
    if (kind === 'data') checkData(value, here, depth + 1)
    if (kind === 'list') {
      if (!Array.isArray(value)) refuse(here, `must be a list of schemas, got ${quote(value)}`)
      value.forEach((item, index) => checkSchema(item, [...here, index], depth + 1))
    }
    if (kind === 'map') {
      if (!isRecord(value)) refuse(here, `must be an object of schemas, got ${quote(value)}`)
      for (const [name, item] of Object.entries(value)) {
        checkName(name, here)
        checkSchema(item, [...here, name], depth + 1)
      }
    }
  }
}

/** Defaults, constants and the like: data that ends up in configurations. */
function checkData(value: unknown, path: PathSegment[], depth: number): void {
  if (typeof value !== 'object' || value === null) return
  if (depth > schemaDepthMax) refuse([], `it is nested deeper than ${schemaDepthMax} levels`)
  for (const [name, item] of Object.entries(value)) {
    checkName(name, path)
    checkData(item, [...path, name], depth + 1)
  }
}

function checkName(name: string, path: PathSegment[]): void {
  if (name === '__proto__') refuse(path, 'the name "__proto__" is not allowed')
}

function unknownKeyword(keyword: string): string {
  if (keyword === '$ref' || keyword === '$dynamicRef' || keyword === '$defs') {
    return 'references are not allowed, write the schema out in place'
  }
  return 'is no keyword of JSON Schema that is allowed here'
}

/**
 * Parts of a combination are left open: each sees the fields of the others. A plain union of
 * objects has no others.
 */
function close(schema: unknown): void {
  if (!isRecord(schema)) return
  const union = schema['anyOf'] ?? schema['oneOf']
  const combined = ['allOf', 'if', 'not', 'dependentSchemas'].some((word) => word in schema)
  if (!combined && union === undefined && isRecord(schema['properties'])) {
    const open = ['additionalProperties', 'patternProperties', 'unevaluatedProperties']
    if (!open.some((word) => word in schema)) schema['additionalProperties'] = false
  }
  if (Array.isArray(union) && !combined && schema['properties'] === undefined) union.forEach(close)
  for (const word of ['items', 'additionalProperties', 'contains']) close(schema[word])
  for (const word of ['properties', 'patternProperties']) {
    if (isRecord(schema[word])) Object.values(schema[word]).forEach(close)
  }
  if (Array.isArray(schema['prefixItems'])) schema['prefixItems'].forEach(close)
}

function refuse(path: readonly PathSegment[], message: string): never {
  throw new PluginSchemaError(path.length === 0 ? message : `${formatPath(path)}: ${message}`)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
