import { expect, test } from 'vitest'
import { toMemoryVerdict } from './memory-verdict.ts'

const samples = (megabytes: (at: number) => number) =>
  Array.from({ length: 24 }, (_, at) => ({ seconds: at * 10, megabytes: megabytes(at) }))

test('memory that grows while it warms up and then stays is flat', () => {
  expect(toMemoryVerdict(samples((at) => (at < 6 ? 50 + at * 10 : 110))).flat).toBe(true)
})

test('memory that goes up and down is flat', () => {
  expect(toMemoryVerdict(samples((at) => 100 + (at % 2) * 30)).flat).toBe(true)
})

test('memory that goes on growing is not flat', () => {
  expect(toMemoryVerdict(samples((at) => 100 + at * 5)).flat).toBe(false)
})

test('nothing is said of a handful of samples', () => {
  expect(toMemoryVerdict(samples(() => 100).slice(0, 2)).flat).toBe(false)
})
