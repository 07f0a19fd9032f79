import { HostFailure } from '@sallyport/sdk'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { parsePayload } from '../../sandbox/payload.ts'

const DEPTH_MAX = 64

/** What the scan of the text counts, counted on the value. */
function measure(value: unknown): { depth: number; marks: number } {
  if (typeof value !== 'object' || value === null) return { depth: 0, marks: 0 }
  const items = Object.values(value).map(measure)
  return {
    depth: 1 + Math.max(0, ...items.map(({ depth }) => depth)),
    marks: 1 + Math.max(0, items.length - 1) + items.reduce((sum, { marks }) => sum + marks, 0),
  }
}

const refusal = (work: () => unknown): string => {
  try {
    work()
    return ''
  } catch (error) {
    expect(error).toBeInstanceOf(HostFailure)
    return (error as HostFailure).message
  }
}

describe('JSON of a sandbox', () => {
  test('is read as it is, whatever its texts hold', () => {
    const plain = ['"', '{', '[', ',', ']', 'a', '\n']
    const text = fc.string({ unit: fc.constantFrom('\\', ...plain) })
    // After a key with a backslash V8 reads another key, of an escape in the same place, as that one
    // (nodejs/node#63785): the value that this test compares with would be the one that is wrong.
    const key = fc.string({ unit: fc.constantFrom(...plain) })
    const { value } = fc.letrec((tie) => ({
      value: fc.oneof(
        { maxDepth: 5 },
        text,
        fc.integer(),
        fc.constant(null),
        tie('list'),
        tie('map'),
      ),
      list: fc.array(tie('value'), { maxLength: 5 }),
      map: fc.dictionary(key, tie('value'), { maxKeys: 5 }),
    }))
    fc.assert(
      fc.property(value, (given) => {
        const json = JSON.stringify(given)
        const { depth, marks } = measure(JSON.parse(json))
        // Shorter than the depth allowed it cannot be deeper and is not looked at.
        fc.pre(json.length > DEPTH_MAX)
        expect(parsePayload(json, DEPTH_MAX)).toEqual(JSON.parse(json))
        expect(parsePayload(json, depth, marks)).toEqual(JSON.parse(json))
        if (marks > 0) expect(refusal(() => parsePayload(json, depth, marks - 1))).toMatch(/values/)
        if (depth > 0) expect(refusal(() => parsePayload(json, depth - 1))).toMatch(/deeper/)
      }),
      { numRuns: 500 },
    )
  })

  test.each([
    ['no JSON', '{'.padEnd(80)],
    ['a text without an end', `["${'a'.repeat(80)}`],
    ['a text whose end is escaped', `["${'a'.repeat(80)}\\"]`],
  ])('is refused when it is %s', (_what, json) => {
    expect(refusal(() => parsePayload(json, DEPTH_MAX))).toMatch(/no JSON/)
  })
})
