import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  addMessage,
  FrameDecoder,
  FrameEncoder,
  type Message,
  MessageReader,
  MESSAGES,
  type PayloadEncoding,
  ProtocolError,
} from '@sallyport/sdk/protocol'
import { referenceReader } from '../fuzz/reference-reader.ts'

const CALL = {
  name: 'call',
  id: 7,
  instanceKey: 'k',
  phase: 'access',
  timeoutMs: 2_000,
  view: '{}',
} as const

function toFrame(envelope: unknown): Buffer {
  const encoder = new FrameEncoder()
  encoder.add(envelope)
  return encoder.take()
}

function read(frame: Buffer, from: 'host' | 'gateway', encoding: PayloadEncoding = 'json') {
  const reader = new MessageReader(from)
  reader.encoding = encoding
  const messages: Message[] = []
  new FrameDecoder(reader.read).push(frame, (message) => messages.push(message))
  return messages[0]
}

describe('a message', () => {
  test('is a flat array of msgpack', () => {
    expect(read(toFrame([5, 7, 'k', 'access', 2_000, '{}']), 'gateway')).toEqual(CALL)
  })

  test.each(['json', 'msgpack'] as const)(
    'comes out as it went in, with payloads in %s',
    (encoding) => {
      const text = fc.oneof(
        fc.string({ unit: 'grapheme', maxLength: 60 }),
        fc.string({ unit: 'grapheme', minLength: 4_000, maxLength: 5_000 }),
      )
      const uint = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: 0xffff_ffff }))
      const message = fc.oneof(
        fc.record({
          name: fc.constant('call' as const),
          id: uint,
          instanceKey: text,
          phase: text,
          timeoutMs: uint,
          view: text,
        }),
        fc.record({
          name: fc.constant('effectResult' as const),
          id: uint,
          ok: fc.boolean(),
          value: text,
        }),
        fc.record({ name: fc.constant('ping' as const), id: uint }),
      )
      fc.assert(
        fc.property(message, (sent) => {
          const encoder = new FrameEncoder()
          addMessage(encoder, sent, encoding)
          const frame = encoder.take()
          expect(read(frame, 'gateway', encoding)).toEqual(sent)
          const seen: Message[] = []
          new FrameDecoder(referenceReader('gateway', encoding)).push(frame, (one) =>
            seen.push(one),
          )
          expect(seen).toEqual([sent])
        }),
      )
    },
  )

  test('has a number of its own for each', () => {
    const numbers = Object.values(MESSAGES).map(({ type }) => type)
    expect(new Set(numbers).size).toBe(numbers.length)
  })

  test.each([
    ['no array', {}, /holds an array/],
    ['an empty array', [], /cannot send a message of type undefined/],
    ['an unknown type', [99, 1], /cannot send a message of type 99/],
    ['a message of the other side', [1, 1, 1, []], /a host cannot send a message of type 1/],
    ['without an id', [12], /ack: id: expected a uint32, got undefined/],
    ['an id that is negative', [12, -1], /ack: id: expected a uint32, got "-1"/],
    ['an id that is no integer', [12, 1.5], /got "1.5"/],
    ['a field too many', [12, 1, 1], /ack: expected 0 fields, got 1/],
    ['a field too few', [8, 1, 2, 'm'], /effect: expected 3 fields, got 2/],
    ['a field of another type', [8, 1, 'x', 'm', '[]'], /effect: call: expected uint, got "x"/],
    [
      'a kind that is none',
      [7, 1, 'x', 'm', true, '[]'],
      /failed: kind: expected failedKind, got "x"/,
    ],
    ['no truth', [7, 1, 'error', 'm', 1, '[]'], /failed: decided: expected boolean, got 1/],
    ['a payload that is not encoded', [6, 1, {}], /result: payload: expected payload, got object/],
  ])('is refused when it is %s', (_name, envelope, message) => {
    expect(() => read(toFrame(envelope), 'host')).toThrow(ProtocolError)
    expect(() => read(toFrame(envelope), 'host')).toThrow(message)
  })

  test('holds any payload when the encoding is msgpack', () => {
    expect(read(toFrame([6, 1, { a: 1 }]), 'host', 'msgpack')).toEqual({
      name: 'result',
      id: 1,
      payload: { a: 1 },
    })
  })

  test('is read as the oracle reads it, whatever bytes come', () => {
    const bytes = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.uint8Array({ maxLength: 20 }).map((rest) => Uint8Array.of(0x92, 12, ...rest)),
      fc.uint8Array({ maxLength: 20 }).map((rest) => Uint8Array.of(0x93, 6, 1, ...rest)),
    )
    fc.assert(
      fc.property(bytes, (body) => {
        const frame = Buffer.concat([Buffer.from([body.length, 0, 0, 0]), body])
        const outcome = (run: () => unknown): unknown => {
          try {
            return run()
          } catch (error) {
            expect(error).toBeInstanceOf(ProtocolError)
            return 'refused'
          }
        }
        const seen: Message[] = []
        const expected = outcome(() => {
          new FrameDecoder(referenceReader('host')).push(frame, (message) => seen.push(message))
          return seen[0]
        })
        expect(outcome(() => read(frame, 'host'))).toEqual(expected)
      }),
      { numRuns: 3_000 },
    )
  })
})
