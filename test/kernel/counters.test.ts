import { describe, expect, test } from 'vitest'
import { CounterTable, createLocalCounters } from '../../kernel/counters.ts'

function tableAt(limits = { keysPerOwnerMax: 100, ownersMax: 10 }) {
  const clock = { nowMs: 5000 }
  return { clock, table: new CounterTable(limits, () => clock.nowMs) }
}

describe('a counter', () => {
  test('tells the total of its window', () => {
    const { clock, table } = tableAt()
    expect(table.add('a:x', 1, 1000)).toBe(1)
    clock.nowMs += 400
    expect(table.add('a:x', 2.5, 1000)).toBe(3.5)
    expect(table.add('a:y', 1, 1000)).toBe(1)
  })

  test('keeps an amount for one window and drops it within a tenth more', () => {
    const { clock, table } = tableAt()
    clock.nowMs += 37
    table.add('a:x', 1, 1000)
    clock.nowMs += 1000
    expect(table.add('a:x', 0, 1000)).toBe(1)
    clock.nowMs += 100
    expect(table.add('a:x', 0, 1000)).toBe(0)
  })

  test('slides: what was added late in a window counts in the next', () => {
    const { clock, table } = tableAt()
    table.add('a:x', 1, 1000)
    clock.nowMs += 900
    table.add('a:x', 1, 1000)
    clock.nowMs += 300
    expect(table.add('a:x', 1, 1000)).toBe(2)
  })

  test('starts anew after a long time and when its window changes', () => {
    const { clock, table } = tableAt()
    table.add('a:x', 5, 1000)
    clock.nowMs += 1e9
    expect(table.add('a:x', 1, 1000)).toBe(1)
    expect(table.add('a:x', 1, 2000)).toBe(1)
  })

  test.each(['', 'x', ':x'])('needs a key with an owner, which %j has not', (key) => {
    const { table } = tableAt()
    expect(() => table.add(key, 1, 1000)).toThrow('counter key: expected "owner:what"')
  })

  test.each([0, 9, Number.NaN, Infinity])('refuses the window %d', (windowMs) => {
    const { table } = tableAt()
    expect(() => table.add('a:x', 1, windowMs)).toThrow('counter window: expected 10 ms or more')
  })
})

describe('a table of counters', () => {
  test('forgets the key that was not touched for the longest time, of the same owner only', () => {
    const { table } = tableAt({ keysPerOwnerMax: 2, ownersMax: 10 })
    table.add('other:key', 1, 1000)
    table.add('a:1', 1, 1000)
    table.add('a:2', 1, 1000)
    table.add('a:1', 1, 1000)
    table.add('a:3', 1, 1000)
    expect(table.add('a:1', 1, 1000)).toBe(3)
    expect(table.add('other:key', 1, 1000)).toBe(2)
    expect(table.add('a:2', 1, 1000)).toBe(1)
  })

  test('frees keys that have run out while others are added', () => {
    const { clock, table } = tableAt()
    for (let key = 0; key < 50; key += 1) table.add(`a:${key}`, 1, 1000)
    expect(table.size).toBe(50)
    clock.nowMs += 10_000
    for (let count = 0; count < 50; count += 1) table.add('a:new', 1, 1000)
    expect(table.size).toBe(1)
  })

  test('has room for so many owners', () => {
    const { table } = tableAt({ keysPerOwnerMax: 2, ownersMax: 2 })
    for (const owner of ['a', 'b', 'a', 'c']) table.add(`${owner}:x`, 1, 1000)
    expect(table.size).toBe(2)
    expect(table.add('a:x', 1, 1000)).toBe(3)
  })
})

test('local counters answer with a promise, errors too', async () => {
  const counters = createLocalCounters()
  expect(await counters.add('a:x', 2, 1000)).toBe(2)
  await expect(counters.add('x', 1, 1000)).rejects.toThrow(RangeError)
})
