import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { fromBase64, GuestTextDecoder, GuestTextEncoder, toBase64 } from '@sallyport/sdk/guest'
import { decodeSlowly, encodeSlowly } from '../../sdk/guest/base64.ts'
import { structuredClone as guestClone } from '../../sandbox/guest/structured-clone.ts'

const BYTES = fc.uint8Array({ maxLength: 60 })
const TEXT = fc.string({ unit: 'binary', maxLength: 40 })

describe('the globals of a guest do what those of Node do', () => {
  test('TextEncoder', () => {
    const units = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 20 })
    fc.assert(
      fc.property(units, fc.nat(20), (codes, room) => {
        const text = String.fromCharCode(...codes)
        expect(new GuestTextEncoder().encode(text)).toEqual(new TextEncoder().encode(text))
        const ours = new Uint8Array(room)
        const theirs = new Uint8Array(room)
        expect(new GuestTextEncoder().encodeInto(text, ours)).toEqual(
          new TextEncoder().encodeInto(text, theirs),
        )
        expect(ours).toEqual(theirs)
      }),
    )
  })

  test.each(['utf-8', 'utf-16le'])('TextDecoder for %s, also in pieces', (label) => {
    // Bytes that are likely to begin something.
    const byte = fc.oneof(
      fc.nat(255),
      fc.constantFrom(0xe0, 0xed, 0xf0, 0xf4, 0x80, 0xbf, 0xd8, 0xdc, 0xef, 0xbb, 0xfe, 0xff),
    )
    fc.assert(
      fc.property(fc.array(fc.array(byte, { maxLength: 12 }), { maxLength: 4 }), (pieces) => {
        const ours = new GuestTextDecoder(label)
        const theirs = new TextDecoder(label)
        for (const piece of pieces) {
          const bytes = Uint8Array.from(piece)
          expect(ours.decode(bytes, { stream: true })).toBe(theirs.decode(bytes, { stream: true }))
        }
        expect(ours.decode()).toBe(theirs.decode())
      }),
      { numRuns: 2_000 },
    )
  })

  test('TextDecoder that is fatal', () => {
    fc.assert(
      fc.property(BYTES, (bytes) => {
        const attempt = (decoder: { decode(input: Uint8Array): string }) => {
          try {
            return decoder.decode(bytes)
          } catch {
            return null
          }
        }
        expect(attempt(new GuestTextDecoder('utf8', { fatal: true }))).toBe(
          attempt(new TextDecoder('utf8', { fatal: true })),
        )
      }),
    )
  })

  test('base64 where the language has none of its own', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 7_000 }), (bytes) => {
        const text = Buffer.from(bytes).toString('base64')
        expect(encodeSlowly(bytes)).toBe(text)
        expect(decodeSlowly(text)).toEqual(bytes)
        expect(decodeSlowly(`${text}*`)).toBeNull()
      }),
    )
  })

  test('base64', () => {
    fc.assert(
      fc.property(BYTES, (bytes) => {
        expect(toBase64(bytes)).toBe(Buffer.from(bytes).toString('base64'))
        expect(fromBase64(toBase64(bytes))).toEqual(bytes)
      }),
    )
    fc.assert(
      fc.property(
        fc.oneof(
          TEXT,
          fc.string({ unit: fc.constantFrom('a', 'Z', '9', '+', '/', '=', ' '), maxLength: 9 }),
        ),
        (text) => {
          let expected: Uint8Array | null = null
          try {
            expected = Uint8Array.from(atob(text), (char) => char.charCodeAt(0))
          } catch {
            // Not base64.
          }
          expect(fromBase64(text)).toEqual(expected)
        },
      ),
      { numRuns: 2_000 },
    )
  })

  test('structuredClone', () => {
    const cycle: Record<string, unknown> = {
      list: Object.assign([], { 0: 1, 2: 3 }),
      date: new Date(5),
      expression: /a/gi,
    }
    cycle['self'] = cycle
    const shared = new Uint8Array([1, 2, 3, 4]).subarray(1, 3)
    const values = [
      ...[1, 'a', null, undefined, 10n, true, NaN],
      cycle,
      new Map<unknown, unknown>([[{ a: 1 }, new Set([1, 'b'])]]),
      [shared, shared, new DataView(shared.buffer, 1, 2), new Float64Array([1.5])],
      [Object(1), Object('x'), Object(false)],
      JSON.parse('{"__proto__":{"a":1}}') as unknown,
    ]
    for (const value of values) expect(guestClone(value)).toEqual(structuredClone(value))
    const made = guestClone([shared, shared]) as Uint8Array[]
    expect(made[0]).toBe(made[1])
    expect(made[0]).not.toBe(shared)
    const error = guestClone(new RangeError('x', { cause: [1] })) as RangeError
    expect(error).toBeInstanceOf(RangeError)
    expect([error.message, error.cause]).toEqual(['x', [1]])
    for (const value of [() => 1, Symbol('x'), { f() {} }, Promise.resolve(), new WeakMap()]) {
      expect(() => guestClone(value)).toThrow(/structuredClone/)
    }
  })
})
