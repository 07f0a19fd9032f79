import { setImmediate, setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import type { CountItem } from '../../../kernel/process/worker-channel.ts'
import { WorkerCounters } from '../../../kernel/process/worker-counters.ts'

function countersWith(answerMs = 1000) {
  const sent: { batch: number; items: CountItem[] }[] = []
  return {
    sent,
    counters: new WorkerCounters((batch, items) => sent.push({ batch, items }), answerMs),
  }
}

test('additions of one tick travel together and get the totals of the primary', async () => {
  const { sent, counters } = countersWith()
  const totals = Promise.all([counters.add('a:x', 1, 1000), counters.add('a:y', 2, 1000)])
  await sleep(5)
  expect(sent).toEqual([
    {
      batch: 1,
      items: [
        ['a:x', 1, 1000],
        ['a:y', 2, 1000],
      ],
    },
  ])
  counters.onCounted(1, [41, 42])
  expect(await totals).toEqual([41, 42])
})

test('what is taken from a bucket of the node travels with them', async () => {
  const { sent, counters } = countersWith()
  const left = counters.spend('cpu:x', 7, { size: 100, fillMs: 1000 })
  await sleep(5)
  expect(sent[0]!.items).toEqual([['cpu:x', 7, 1000, 100]])
  counters.onCounted(1, [12])
  expect(await left).toBe(12)
})

test('a bucket is kept here while the primary is late', async () => {
  const { counters } = countersWith(20)
  expect(await counters.spend('cpu:x', 7, { size: 100, fillMs: 1e9 })).toBe(93)
  expect(await counters.spend('cpu:x', 7, { size: 100, fillMs: 1e9 })).toBeCloseTo(86)
})

test('additions during a batch go with the next one', async () => {
  const { sent, counters } = countersWith()
  const first = counters.add('a:x', 1, 1000)
  await sleep(5)
  const second = counters.add('a:x', 1, 1000)
  await sleep(5)
  expect(sent).toHaveLength(1)
  counters.onCounted(1, [10])
  await sleep(5)
  expect(sent[1]).toEqual({ batch: 2, items: [['a:x', 1, 1000]] })
  counters.onCounted(2, [11])
  expect([await first, await second]).toEqual([10, 11])
})

test('a primary that is late is not waited for twice, and gets everything when it is back', async () => {
  const { sent, counters } = countersWith(20)
  expect(await counters.add('a:x', 3, 60_000)).toBe(3)
  expect(counters.late).toBe(true)
  // Both are answered before any timer or message could have come.
  const both = Promise.all([counters.add('a:x', 2, 60_000), counters.add('a:x', 2, 60_000)])
  expect(await Promise.race([both, setImmediate('waited')])).toEqual([5, 7])
  counters.onCounted(1, [100])
  expect(counters.late).toBe(false)
  await sleep(5)
  expect(sent[1]!.items).toEqual([
    ['a:x', 2, 60_000],
    ['a:x', 2, 60_000],
  ])
  const next = counters.add('a:x', 1, 60_000)
  counters.onCounted(2, [102, 104])
  await sleep(5)
  counters.onCounted(3, [105])
  expect(await next).toBe(105)
})

test('an answer to another batch is none', async () => {
  const { counters } = countersWith(30)
  const total = counters.add('a:x', 1, 1000)
  await sleep(5)
  counters.onCounted(7, [99])
  expect(await total).toBe(1)
})

test('when the channel is gone, what waits is answered from here', async () => {
  const { counters } = countersWith()
  const total = counters.add('a:x', 1, 1000)
  await sleep(5)
  counters.close()
  expect(await total).toBe(1)
  expect(await counters.add('a:x', 1, 1000)).toBe(2)
})

test('a bad key is refused here already', async () => {
  const { sent, counters } = countersWith()
  await expect(counters.add('x', 1, 1000)).rejects.toThrow('expected "owner:what"')
  await sleep(5)
  expect(sent).toEqual([])
})
