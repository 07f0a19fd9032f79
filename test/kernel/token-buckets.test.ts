import { expect, test } from 'vitest'
import { TokenBuckets } from '../../kernel/token-buckets.ts'

const form = { size: 100, fillMs: 1_000 }

test('a bucket is full at first, gives what is taken and fills by itself', () => {
  let nowMs = 0
  const buckets = new TokenBuckets(() => nowMs)
  expect(buckets.spend('a:x', 30, form)).toBe(70)
  expect(buckets.spend('a:x', 70, form)).toBe(0)
  nowMs = 500
  expect(buckets.spend('a:x', 0, form)).toBe(50)
  nowMs = 60_000
  expect(buckets.spend('a:x', 0, form)).toBe(100)
  expect(buckets.spend('a:y', 1, form)).toBe(99)
})

test('a debt is at most one bucket', () => {
  const buckets = new TokenBuckets(() => 0)
  expect(buckets.spend('a:x', 1e9, form)).toBe(-100)
})
