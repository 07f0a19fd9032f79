import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { FrameDecoder, FrameEncoder, ProtocolError } from '@sallyport/sdk/protocol'
import { valueReader } from '../support/value-reader.ts'

function encode(...values: unknown[]): Buffer {
  const encoder = new FrameEncoder()
  for (const value of values) encoder.add(value)
  return encoder.take()
}

function decode(
  chunks: Iterable<Uint8Array>,
  decoder = new FrameDecoder(valueReader()),
): unknown[] {
  const values: unknown[] = []
  for (const chunk of chunks) decoder.push(chunk, (value) => values.push(value))
  return values
}

/** A frame with these bytes of msgpack in it. */
function frame(...bytes: number[]): Buffer {
  const header = Buffer.alloc(4)
  header.writeUInt32LE(bytes.length)
  return Buffer.concat([header, Buffer.from(bytes)])
}

const VALUES = [
  [1, 2, 'text', 'grün 𝄞', true, null, { a: [1.5, -1] }, []],
  ['x'.repeat(70_000), Number.MAX_SAFE_INTEGER, Number.MIN_SAFE_INTEGER, 2 ** 32, -(2 ** 31)],
]

describe('a decoder of frames', () => {
  test('gives what an encoder was given', () => {
    expect(decode([encode(...VALUES)])).toEqual(VALUES)
  })

  test('takes bytes that are cut anywhere', () => {
    const bytes = encode(VALUES[0], ['second'], [])
    for (let size = 1; size < 20; size++) {
      const chunks = []
      for (let at = 0; at < bytes.length; at += size) chunks.push(bytes.subarray(at, at + size))
      expect(decode(chunks)).toEqual([VALUES[0], ['second'], []])
    }
  })

  test('keeps nothing of a buffer that its owner uses again', () => {
    const decoder = new FrameDecoder(valueReader())
    const bytes = encode(['one'])
    const shared = Buffer.alloc(3)
    const values: unknown[] = []
    for (let at = 0; at < bytes.length; at += 3) {
      const length = bytes.copy(shared, 0, at, at + 3)
      decoder.push(shared.subarray(0, length), (value) => values.push(value))
      shared.fill(0xff)
    }
    expect(values).toEqual([['one']])
  })

  test('is at a boundary between frames only', () => {
    const decoder = new FrameDecoder(valueReader())
    const bytes = encode(['one'])
    decode([bytes.subarray(0, 2)], decoder)
    expect(decoder.isAtBoundary).toBe(false)
    decode([bytes.subarray(2)], decoder)
    expect(decoder.isAtBoundary).toBe(true)
  })

  test('gives what anybody sends, in whatever pieces', () => {
    const anything = fc.array(
      fc.jsonValue({ maxDepth: 5 }).filter((value) => !JSON.stringify(value).includes('__proto__')),
      { maxLength: 5 },
    )
    fc.assert(
      fc.property(anything, fc.array(fc.nat(50), { maxLength: 20 }), (values, cuts) => {
        let bytes: Uint8Array = encode(...values)
        const chunks = []
        for (const cut of cuts) {
          chunks.push(bytes.subarray(0, cut))
          bytes = bytes.subarray(cut)
        }
        // JSON has no -0, and neither has msgpack's integer.
        expect(decode([...chunks, bytes])).toEqual(JSON.parse(JSON.stringify(values)))
      }),
    )
  })

  test('answers whatever bytes come with values or a ProtocolError', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
        try {
          decode([frame(...bytes)])
        } catch (error) {
          expect(error).toBeInstanceOf(ProtocolError)
        }
      }),
      { numRuns: 2_000 },
    )
  })

  test.each([
    ['an empty frame', frame(), /1 to 8388608 bytes/],
    ['a frame beyond the limit', Buffer.from([0xff, 0xff, 0xff, 0x7f]), /says 2147483647/],
    ['a record of msgpackr', frame(0xd4, 0x72, 0x40, 0x91, 0xa1, 0x61, 0x01), /extensions/],
    ['a timestamp', frame(0xd6, 0xff, 0, 0, 0, 0), /extensions/],
    ['the unused byte', frame(0xc1), /extensions/],
    ['an ext32 bomb', frame(0xc9, 0xff, 0xff, 0xff, 0xff, 0x01), /extensions/],
    ['an array32 bomb', frame(0xdd, 0xff, 0xff, 0xff, 0xff), /ends within a value/],
    ['a map32 bomb', frame(0xdf, 0xff, 0xff, 0xff, 0xff), /ends within a value/],
    ['a str32 bomb', frame(0xdb, 0xff, 0xff, 0xff, 0xff), /ends within a value/],
    ['a bin32 bomb', frame(0xc6, 0xff, 0xff, 0xff, 0xff), /ends within a value/],
    ['a value cut off', frame(0x92, 0x01), /ends within a value/],
    ['a byte too many', frame(0x90, 0x00), /1 bytes after its value/],
    ['a map with a number as key', frame(0x81, 0x01, 0x01), /key that is not a string/],
    ['an unsigned integer of 2^53', frame(0xcf, 0, 0x20, 0, 0, 0, 0, 0, 0), /beyond 2\^53/],
    ['an integer of -2^53', frame(0xd3, 0xff, 0xe0, 0, 0, 0, 0, 0, 0), /beyond 2\^53/],
    ['arrays nested 65 deep', frame(...Array<number>(65).fill(0x91), 0xc0), /deeper than 64/],
    [
      'maps nested 65 deep',
      frame(...(Array(65).fill([0x81, 0xa0]).flat() as number[]), 0xc0),
      /deeper than 64/,
    ],
    ['a million arrays', frame(...Array<number>(100_000).fill(0x91), 0xc0), /deeper than 64/],
  ])('refuses %s', (_name, bytes, message) => {
    expect(() => decode([bytes])).toThrow(ProtocolError)
    expect(() => decode([bytes])).toThrow(message)
  })

  test('takes arrays nested 64 deep', () => {
    expect(decode([frame(...Array<number>(63).fill(0x91), 0x90)])).toHaveLength(1)
  })

  test('does not wait for a frame that is too large to be taken', () => {
    const bytes = encode(['x'.repeat(200)])
    expect(() => decode([bytes.subarray(0, 4)], new FrameDecoder(valueReader(), 100))).toThrow(
      /1 to 100 bytes/,
    )
  })
})

test('an encoder refuses a frame beyond the limit and keeps those before', () => {
  const encoder = new FrameEncoder({ frameBytesMax: 100, depthMax: 64 })
  encoder.add(['small'])
  expect(() => encoder.add(['x'.repeat(200)])).toThrow(/203 bytes is over the limit of 100/)
  expect(decode([encoder.take()])).toEqual([['small']])
  expect(encoder.length).toBe(0)
})
