import { Type } from '@sallyport/sdk'
import { describe, expect, test } from 'vitest'
import { formatPath } from '../../../kernel/config/config-error.ts'
import {
  PluginSchemaError,
  schemaBytesMax,
  schemaDepthMax,
} from '../../../kernel/config/plugin-schema.ts'
import { compilePluginSchema } from '../../../kernel/config/validate.ts'

/** The errors of a value, as `path: sentence`. */
function issuesOf(schema: object | null, value: unknown): string[] {
  return compilePluginSchema(schema)(value).map(({ path, message }) =>
    path.length === 0 ? message : `${formatPath(path)}: ${message}`,
  )
}

const object = (properties: object, more: object = {}) => ({ type: 'object', properties, ...more })

describe('a plugin’s schema', () => {
  test('fills in defaults, at every depth', () => {
    const value = { inner: {} }
    const schema = Type.Object({
      a: Type.String({ default: 'x' }),
      inner: Type.Object({ b: Type.Integer({ default: 1 }) }),
      outer: Type.Object({ c: Type.Boolean({ default: true }) }, { default: {} }),
    })
    expect(issuesOf(schema, value)).toEqual([])
    expect(value).toEqual({ a: 'x', inner: { b: 1 }, outer: { c: true } })
  })

  test('of null accepts only an empty configuration', () => {
    expect(issuesOf(null, {})).toEqual([])
    expect(issuesOf(null, { a: 1 })).toEqual(['a: unknown field'])
  })

  test.each([
    [{ type: 'string' }, 5, 'must be a string, got 5'],
    [{ type: 'integer' }, 1.5, 'must be a whole number, got 1.5'],
    [{ type: 'number' }, '1', 'must be a number, got "1"'],
    [{ type: 'boolean' }, null, 'must be true or false, got null'],
    [{ type: ['string', 'null'] }, {}, 'must be a string, got an object'],
    [{ enum: ['a', 'b'] }, 'c', 'must be one of "a", "b", got "c"'],
    [{ const: 'a' }, 'c', 'must be "a", got "c"'],
    [{ type: 'number', exclusiveMinimum: 0 }, 0, 'must be more than 0, got 0'],
    [{ type: 'number', exclusiveMaximum: 5 }, 5, 'must be less than 5, got 5'],
    [{ type: 'string', minLength: 1 }, '', 'must not be empty, got ""'],
    [{ type: 'string', maxLength: 1 }, 'ab', 'must have at most 1 characters, got "ab"'],
    [{ type: 'string', pattern: '^a' }, 'b', 'must match the pattern "^a", got "b"'],
    [{ type: 'string', format: 'ipv4' }, 'b', 'must be in the format "ipv4", got "b"'],
    [{ type: 'array', minItems: 1 }, [], 'must not be empty, got an empty list'],
    [{ type: 'array', maxItems: 1 }, [1, 2], 'must have at most 1 entries, got [1, 2]'],
    [
      { type: 'array', uniqueItems: true },
      [
        { a: 1, b: 2 },
        { b: 2, a: 1 },
      ],
      'must not hold the same value twice, got a list of 2',
    ],
    [
      { anyOf: [{ type: 'string' }, { type: 'integer' }] },
      [],
      'must be a string or a whole number, got an empty list',
    ],
    [
      { type: 'string', writeOnly: true, minLength: 9 },
      'hunter2',
      'must have at least 9 characters, got (hidden)',
    ],
    [{ type: 'string' }, ['x'.repeat(500)], `must be a string, got ["${'x'.repeat(77)}…`],
  ])('says what is wanted: %j for %j', (field, value, sentence) => {
    expect(issuesOf(object({ f: field }), { f: value })).toEqual([`f: ${sentence}`])
  })

  test('shows where a branch of a union went wrong', () => {
    const schema = object({
      f: {
        anyOf: [{ type: 'string' }, object({ a: { type: 'integer' } }, { required: ['a'] })],
      },
    })
    expect(issuesOf(schema, { f: { a: 'x' } })).toEqual(['f.a: must be a whole number, got "x"'])
    expect(issuesOf(schema, { f: {} })).toEqual(['f.a: is missing'])
    expect(issuesOf(schema, { f: 1 })).toEqual(['f: must be a string or an object, got 1'])
  })

  test('tells patterns apart', () => {
    const schema = object({
      a: { type: 'string', pattern: '^a' },
      b: { type: 'string', pattern: '^b' },
    })
    expect(issuesOf(schema, { a: 'a', b: 'b' })).toEqual([])
    expect(issuesOf(schema, { a: 'b', b: 'a' })).toHaveLength(2)
  })

  test('refuses unknown fields unless it says that they are welcome', () => {
    expect(issuesOf(object({ a: object({}) }), { a: { b: 1 } })).toEqual(['a.b: unknown field'])
    expect(issuesOf(object({}, { additionalProperties: true }), { b: 1 })).toEqual([])
    expect(issuesOf({ type: 'object' }, { b: 1 })).toEqual([])
    expect(issuesOf(Type.Record(Type.String(), Type.Integer()), { b: 1 })).toEqual([])
  })

  test('leaves the parts of an intersection open for each other', () => {
    const schema = Type.Intersect([
      Type.Object({ a: Type.Integer() }),
      Type.Object({ b: Type.Integer() }),
    ])
    expect(issuesOf(schema, { a: 1, b: 2 })).toEqual([])
  })

  test('reports a bounded number of errors', () => {
    const schema = object({ f: { type: 'array', items: { type: 'string' } } })
    const value = { f: Array.from({ length: 10_000 }, () => 1) }
    expect(issuesOf(schema, value)).toHaveLength(50)
  })

  test('escapes what its names and texts say', () => {
    const name = "a'];throw new Error('code')//\u2028`${1}"
    const schema = object({ [name]: { type: 'string', default: name, pattern: "'`\\$\\{1\\}" } })
    expect(issuesOf(schema, {})).toHaveLength(1)
  })
})

describe('a plugin’s schema is refused', () => {
  const nested = (depth: number): object =>
    depth === 0 ? { type: 'string' } : object({ a: nested(depth - 1) })
  const cyclic: Record<string, unknown> = object({})
  cyclic['properties'] = { self: cyclic }

  test.each([
    [
      'when it is too large',
      object({ a: { enum: Array(schemaBytesMax).fill(1) } }),
      /at most 65536/,
    ],
    ['when it is nested too deep', nested(schemaDepthMax), /deeper than 32 levels/],
    ['when it holds itself', cyclic, /is no JSON/],
    [
      'for a default that is nested too deep',
      object({ a: { default: nested(40) } }),
      /deeper than 32/,
    ],
    [
      'for a reference',
      object({ a: { $ref: '#' } }),
      /properties\.a\["\$ref"\]: references are not/,
    ],
    ['for definitions', { $defs: {}, type: 'object' }, /references are not allowed/],
    [
      'for an unknown keyword',
      object({ a: { minLenght: 1 } }),
      /properties\.a\.minLenght: is no keyword/,
    ],
    ['for an unknown format', object({ a: { type: 'string', format: 'x' } }), /unknown format "x"/],
    [
      'for a keyword of another form',
      object({ a: { type: 'string', minLength: 'x' } }),
      /schema is invalid/,
    ],
    [
      'for a pattern that can explode',
      object({ a: { type: 'string', pattern: '(a)\\1' } }),
      /linear time/,
    ],
    ['for a broken pattern', object({ a: { type: 'string', pattern: '(' } }), /no closing/],
    [
      'for a default that would be ignored',
      { anyOf: [object({ a: { default: 1 } })] },
      /default is ignored/,
    ],
    [
      'for a name that would change prototypes',
      JSON.parse('{"properties":{"__proto__":{}}}') as object,
      /not allowed/,
    ],
    ['for a schema that is none', object({ a: 5 }), /properties\.a: must be a schema, got 5/],
    ['for a list of schemas that is none', { anyOf: {} }, /anyOf: must be a list of schemas/],
    ['for a list', [] as object, /must be a schema/],
  ])('%s', (_, schema, message) => {
    expect(() => compilePluginSchema(schema)).toThrow(PluginSchemaError)
    expect(() => compilePluginSchema(schema)).toThrow(message)
  })
})
