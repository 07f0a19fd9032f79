import { expect, test } from 'vitest'
import { CounterTable } from '../../kernel/counters.ts'
import { withLimits } from '../../sandbox/limits.ts'
import { Quarantine } from '../../sandbox/process/quarantine.ts'

const limits = withLimits({})

/** The quarantines of one host in several workers of a node. */
function makeNode(workers = 1) {
  const clock = { nowMs: 1_000_000 }
  const nowMs = () => clock.nowMs
  const table = new CounterTable(undefined, nowMs)
  const counters = {
    add: (key: string, amount: number, windowMs: number) =>
      Promise.resolve(table.add(key, amount, windowMs)),
  }
  const each = Array.from(
    { length: workers },
    () => new Quarantine('tenant:a', { counters, limits, nowMs }),
  )
  return { clock, each, one: each[0]! }
}

test('begins with the third strike within a minute', async () => {
  const { clock, one } = makeNode()
  expect([await one.strike(), await one.strike()]).toEqual([false, false])
  clock.nowMs += 50_000
  expect(await one.strike()).toBe(true)
  expect(one.isOn()).toBe(true)
  expect(one.leftMs).toBe(60_000)
})

test('does not begin with strikes that are further apart', async () => {
  const { clock, one } = makeNode()
  for (let strikes = 0; strikes < 10; strikes++) {
    expect(await one.strike()).toBe(false)
    clock.nowMs += 34_000
  }
})

test('ends after its time; then one strike is enough, and the pause doubles up to ten minutes', async () => {
  const { clock, one } = makeNode()
  for (let strikes = 0; strikes < 3; strikes++) await one.strike()
  for (const seconds of [60, 120, 240, 480, 600, 600]) {
    expect(one.leftMs).toBe(seconds * 1_000)
    clock.nowMs += seconds * 1_000 - 1
    expect(one.isOn()).toBe(true)
    clock.nowMs += 1
    expect(one.isOn()).toBe(false)
    expect(await one.strike()).toBe(true)
  }
})

test('is forgotten after a good minute on trial', async () => {
  const { clock, one } = makeNode()
  for (let strikes = 0; strikes < 3; strikes++) await one.strike()
  clock.nowMs += 60_000
  expect(one.isOn()).toBe(false)
  clock.nowMs += 70_000
  expect(await one.strike()).toBe(false)
  expect(await one.strike()).toBe(false)
  expect(await one.strike()).toBe(true)
  expect(one.leftMs).toBe(60_000)
})

test('counts the strikes of all workers of the node', async () => {
  const { each } = makeNode(3)
  const outcomes: boolean[] = []
  for (const worker of each) outcomes.push(await worker.strike())
  expect(outcomes).toEqual([false, false, true])
})
