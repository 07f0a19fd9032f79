import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Fifo } from '../../sandbox/fifo.ts'
import { IdTable } from '../../sandbox/id-table.ts'
import type { ActiveCall } from '../../sandbox/process/active-call.ts'
import { ActiveCalls } from '../../sandbox/process/active-calls.ts'
import { CallGroup } from '../../sandbox/call-group.ts'

// Each beside the plain thing that it stands for.

test('a Fifo is a list of which the first goes first', () => {
  const step = fc.oneof(
    { weight: 6, arbitrary: fc.nat() },
    { weight: 5, arbitrary: fc.constant('shift' as const) },
    { weight: 1, arbitrary: fc.constant('clear' as const) },
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 400 }), (steps) => {
      const fifo = new Fifo<number>()
      let plain: number[] = []
      for (const each of steps) {
        if (each === 'clear') {
          fifo.clear()
          plain = []
        } else if (each === 'shift') {
          if (plain.length > 0) fifo.shift()
          plain.shift()
        } else {
          fifo.push(each)
          plain.push(each)
        }
        expect(fifo.length).toBe(plain.length)
        expect(fifo.head).toBe(plain[0] ?? null)
      }
      expect(fifo.toArray()).toEqual(plain)
    }),
  )
})

test('an IdTable is a map, whatever the ids are', () => {
  const id = fc.constantFrom(0, 1, 2, 3, 1_000_000, 0x7fff_ffff, 0xffff_fffe, 0xffff_ffff)
  const step = fc.record({ id, isSet: fc.boolean() })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const table = new IdTable<{ at: number }>()
      const plain = new Map<number, { at: number }>()
      for (const [at, { id: each, isSet }] of steps.entries()) {
        if (isSet) {
          table.set(each, { at })
          plain.set(each, { at })
        } else expect(table.delete(each)).toBe(plain.delete(each))
        expect(table.size).toBe(plain.size)
        expect(table.has(each)).toBe(plain.has(each))
        expect(table.get(each)).toEqual(plain.get(each))
      }
      const byPlace = (one: { at: number }, other: { at: number }) => one.at - other.at
      expect(table.values().toSorted(byPlace)).toEqual([...plain.values()].toSorted(byPlace))
    }),
  )
})

test('ActiveCalls are a set that knows who came first', () => {
  fc.assert(
    fc.property(fc.array(fc.nat(19), { maxLength: 200 }), (picks) => {
      const all = Array.from({ length: 20 }, (_, number) => ({ number, place: -1 }) as ActiveCall)
      const calls = new ActiveCalls()
      const plain = new Set<ActiveCall>()
      for (const pick of picks) {
        const call = all[pick]!
        if (plain.has(call)) {
          calls.delete(call)
          calls.delete(call)
          plain.delete(call)
        } else {
          calls.add(call)
          plain.add(call)
        }
        expect(calls.size).toBe(plain.size)
        for (const each of all) expect(calls.has(each)).toBe(plain.has(each))
      }
      const numbers = [...plain].map(({ number }) => number)
      expect(calls.inOrder().map(({ number }) => number)).toEqual(
        numbers.toSorted((one, other) => one - other),
      )
    }),
  )
})

describe('a group of calls', () => {
  function fill(calls: readonly (readonly [plugin: string, text: string])[]): string[] {
    const group = new CallGroup()
    const sent: string[] = []
    const take = () => {
      const message = group.take()
      if (message !== null) sent.push(`${message.id}: ${message.text.replaceAll('\n', ' ')}`)
    }
    for (const [index, [plugin, text]] of calls.entries()) {
      if (!group.takes(plugin, text)) take()
      if (group.takes(plugin, text)) group.add(plugin, index, text)
      else sent.push(`${index} alone`)
    }
    take()
    take()
    return sent
  }

  test('is of one plugin, in the order in which they came', () => {
    expect(fill([])).toEqual([])
    expect(
      fill([
        ['a', 'one'],
        ['a', 'two'],
        ['b', 'three'],
        ['a', 'four'],
      ]),
    ).toEqual(['0: one two', '2: three', '3: four'])
  })

  test('is of 16 calls at most', () => {
    const sent = fill(Array.from({ length: 40 }, () => ['a', 'x'] as const))
    expect(sent.map((line) => line.split(' ').length - 1)).toEqual([16, 16, 8])
  })

  test('is no longer than what fits, and a long call goes alone', () => {
    const long = 'l'.repeat(15_000)
    const huge = 'h'.repeat(20_001)
    const sent = fill([
      ['a', long],
      ['a', long],
      ['a', huge],
      ['a', 'x'],
    ])
    expect(sent.map((line) => line.slice(0, 7))).toEqual(['0: llll', '1: llll', '2 alone', '3: x'])
  })
})
