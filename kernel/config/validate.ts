import { isIPv4, isIPv6 } from 'node:net'
import { Ajv2020 } from 'ajv/dist/2020.js'
import { compileSafeRegex, RegexInputError, type SafeRegex } from '../safe-regex.ts'
import type { FieldPath, PathSegment } from './config-error.ts'
import { PluginSchemaError, preparePluginSchema } from './plugin-schema.ts'
import { describeErrors } from './validation-sentence.ts'

/** One thing that is wrong with a value; the message does not repeat the path. */
export interface Issue {
  readonly path: FieldPath
  readonly message: string
}

/** Fills in the defaults, in place, and says what is wrong; an empty list is a good value. */
export type Validator = (value: unknown) => Issue[]

/** So many say enough about one value; a hostile one can have millions. */
const issuesMax = 50

/** Patterns of our own schemas and of plugins run in linear time, whoever wrote them. */
const regExp = Object.assign(
  (pattern: string) => {
    const regex = compileSafeRegex(pattern)
    // The library tells compiled patterns apart by their text.
    return { test: (input: string) => matches(regex, input), toString: () => pattern }
  },
  // Only read when a validator is written out as source code, which we never do.
  { code: 'compileSafeRegex' },
)

/** A text that is too long for its pattern is not what the pattern describes. */
function matches(regex: SafeRegex, input: string): boolean {
  try {
    return regex.test(input)
  } catch (error) {
    if (error instanceof RegexInputError) return false
    throw error
  }
}

const formats = {
  uuid: /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/i,
  hostname: /^[a-z0-9_]([a-z0-9_.-]{0,253}[a-z0-9_])?$/i,
  ipv4: isIPv4,
  ipv6: isIPv6,
  uri: (value: string) => URL.canParse(value),
  'date-time': /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?(Z|[+-]\d\d:\d\d)$/i,
  regex: (value: string) => {
    try {
      compileSafeRegex(value)
      return true
    } catch {
      return false
    }
  },
}

// A schema is compiled once for as long as somebody holds it: reloads bring the same objects.
const entityValidators = new WeakMap<object, Validator>()
const pluginValidators = new WeakMap<object, Validator>()
const noSchema = {}

/** The validator of one of our own schemas. */
export function compileEntitySchema(schema: object): Validator {
  return remember(entityValidators, schema, () => compile(schema))
}

/**
 * The validator of a plugin's configuration; null accepts only an empty one. Throws
 * `PluginSchemaError` when the schema cannot be used.
 */
export function compilePluginSchema(schema: object | null): Validator {
  return remember(pluginValidators, schema ?? noSchema, () => {
    const prepared = preparePluginSchema(schema)
    try {
      return compile(prepared)
    } catch (error) {
      throw new PluginSchemaError(error instanceof Error ? error.message : String(error))
    }
  })
}

function remember(known: WeakMap<object, Validator>, key: object, make: () => Validator) {
  const found = known.get(key) ?? make()
  known.set(key, found)
  return found
}

function compile(schema: object): Validator {
  const ajv = new Ajv2020({
    allErrors: true,
    useDefaults: true,
    strictSchema: true,
    strictTypes: false,
    strictTuples: false,
    strictRequired: false,
    allowUnionTypes: true,
    verbose: true,
    logger: false,
    unicodeRegExp: false,
    formats,
    code: { regExp },
  })
  ajv.addKeyword({ keyword: 'wanted', schemaType: 'string' })
  // The original compares every pair of objects, which is quadratic.
  ajv.removeKeyword('uniqueItems')
  ajv.addKeyword({
    keyword: 'uniqueItems',
    type: 'array',
    schemaType: 'boolean',
    validate: (wanted: boolean, list: unknown[]) =>
      !wanted || new Set(list.map(canonicalJson)).size === list.length,
  })
  // A copy without the builder's hidden marks: those are no JSON Schema.
  const validate = ajv.compile(JSON.parse(JSON.stringify(schema)) as object)
  return (value) => {
    if (validate(value)) return []
    const errors = validate.errors ?? []
    return describeErrors(errors, (pointer) => toPath(value, pointer)).slice(0, issuesMax)
  }
}

/** JSON with sorted keys: equal values have equal text. */
function canonicalJson(value: unknown): string {
  return JSON.stringify(value, (_key, item: unknown) => {
    if (typeof item !== 'object' || item === null || Array.isArray(item)) return item
    return Object.fromEntries(
      Object.entries(item).toSorted(([left], [right]) => (left < right ? -1 : 1)),
    )
  })
}

/** A JSON pointer as segments; only the value tells an index from a key of digits. */
function toPath(root: unknown, pointer: string): PathSegment[] {
  let value = root
  return pointer
    .split('/')
    .slice(1)
    .map((part) => {
      const key = part.replaceAll('~1', '/').replaceAll('~0', '~')
      const segment = Array.isArray(value) ? Number(key) : key
      value = (value as Record<PathSegment, unknown> | null | undefined)?.[segment]
      return segment
    })
}
