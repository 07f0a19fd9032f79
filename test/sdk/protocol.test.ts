import { describe, expect, test } from 'vitest'
import { fromEnvelope, MESSAGES, ProtocolError, toEnvelope } from '@sallyport/sdk/protocol'

describe('an envelope', () => {
  test('is what a message becomes and comes from', () => {
    const message = {
      name: 'call',
      id: 7,
      instanceKey: 'k',
      phase: 'access',
      timeoutMs: 2_000,
      view: '{}',
    } as const
    expect(toEnvelope(message)).toEqual([5, 7, 'k', 'access', 2_000, '{}'])
    expect(fromEnvelope(toEnvelope(message), 'gateway', 'json')).toEqual(message)
  })

  test('has a number of its own for each message', () => {
    const numbers = Object.values(MESSAGES).map(({ type }) => type)
    expect(new Set(numbers).size).toBe(numbers.length)
  })

  test.each([
    ['no array', {}, /holds an array/],
    ['an unknown type', [99, 1], /cannot send a message of type 99/],
    ['a message of the other side', [1, 1, 1, []], /a host cannot send a message of type 1/],
    ['an id that is negative', [12, -1], /ack: id: expected a uint32, got -1/],
    ['an id that is no integer', [12, 1.5], /got 1.5/],
    ['a field too many', [12, 1, 1], /ack: expected 0 fields, got 1/],
    ['a field too few', [8, 1, 2, 'm'], /effect: expected 3 fields, got 2/],
    ['a field of another type', [8, 1, 'x', 'm', '[]'], /effect: call: expected uint, got "x"/],
    ['a payload that is not encoded', [6, 1, {}], /result: payload: expected payload, got object/],
  ])('is refused when it is %s', (_name, envelope, message) => {
    expect(() => fromEnvelope(envelope, 'host', 'json')).toThrow(ProtocolError)
    expect(() => fromEnvelope(envelope, 'host', 'json')).toThrow(message)
  })

  test('holds any payload when the encoding is msgpack', () => {
    expect(fromEnvelope([6, 1, { a: 1 }], 'host', 'msgpack')).toEqual({
      name: 'result',
      id: 1,
      payload: { a: 1 },
    })
  })
})
