import fc from 'fast-check'
import { expect, test } from 'vitest'
import { ENTITIES } from '../../../kernel/config/entities.ts'
import type { SchemaView } from '../../../kernel/config/schema-view.ts'
import { load } from './load.ts'

const fieldNames = [
  ...new Set(
    Object.values(ENTITIES).flatMap(({ schema }) =>
      Object.keys((schema as SchemaView).properties ?? {}),
    ),
  ),
  ...Object.keys(ENTITIES),
  ...['url', 'consumers', '_comment', 'ttl', '__proto__', 'toString', 'constructor'],
]

const names = fc.constantFrom('a', 'b', 'key-auth', 'limiter', 'plain', 'red')
const scalar = fc.oneof(
  names,
  fc.constantFrom('/a', '~/a+', '~(', '/a//b', 'http://h:1/x', '*.a', '*', '10.0.0.0/8', 'https'),
  fc.string(),
  fc.integer(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
)
const { entity } = fc.letrec((tie) => ({
  value: fc.oneof(
    { depthSize: 'small', withCrossShrink: true },
    scalar,
    fc.array(tie('value'), { maxLength: 3 }),
    tie('entity'),
  ),
  entity: fc.dictionary(fc.oneof(fc.constantFrom(...fieldNames), fc.string()), tie('value'), {
    maxKeys: 6,
    noNullPrototype: false,
  }),
}))
const file = fc.record(
  Object.fromEntries(
    [...Object.keys(ENTITIES), 'consumer_group_consumers'].map((name) => [
      name,
      fc.oneof(
        { weight: 5, arbitrary: fc.array(entity, { maxLength: 3 }) },
        { weight: 1, arbitrary: scalar },
      ),
    ]),
  ),
  { requiredKeys: [] },
)

/** Every answer is either a whole configuration or errors at real places of the file. */
function check(text: string): void {
  const result = load(text)
  if (result.ok) {
    expect(result.hash).toMatch(/^[0-9a-f]{64}$/)
    return
  }
  expect(result.errors.length).toBeGreaterThan(0)
  const lines = text.split('\n').length
  for (const { line, column, message } of result.errors) {
    expect(line).toBeGreaterThanOrEqual(1)
    expect(line).toBeLessThanOrEqual(lines)
    expect(column).toBeGreaterThanOrEqual(1)
    expect(message).not.toBe('')
  }
}

test('a file of any entities is loaded or refused, and never throws', () => {
  fc.assert(
    fc.property(file, (entities) => {
      check(JSON.stringify({ _format_version: '3.0', ...entities }, null, 1))
    }),
    { numRuns: 400 },
  )
})

test('a text of any kind is loaded or refused, and never throws', () => {
  const piece = fc.oneof(
    fc.constantFrom(
      ...':-?[]{}&*!|>%@#\'"`,\n\n  '.split(''),
      '&a ',
      '*a',
      '<<: ',
      '- ',
      ': ',
      '---\n',
      '...\n',
    ),
    fc.constantFrom('_format_version: "3.0"\n', 'services:\n', '- host: h\n', '!!str ', '~'),
    fc.string({ maxLength: 5 }),
  )
  fc.assert(
    fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => check(pieces.join(''))),
    { numRuns: 1000 },
  )
})

test('what was loaded can be written as a file and loads again', () => {
  fc.assert(
    fc.property(fc.array(fc.tuple(names, names), { maxLength: 4 }), (pairs) => {
      const unique = [...new Map(pairs).entries()]
      const services = unique.map(([name]) => ({ name, host: 'h' }))
      const routes = unique.map(([name]) => ({ name, paths: [`/${name}`], service: name }))
      const first = load(JSON.stringify({ _format_version: '3.0', services, routes }))
      if (!first.ok) throw new Error(first.errors[0]?.message)
      const again = load(JSON.stringify({ _format_version: '3.0', ...first.entities }))
      expect(again).toEqual(first)
    }),
    { numRuns: 50 },
  )
})
