import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { TimerEntry, TimerWheel } from '../../../../kernel/http/lean/timer-wheel.ts'

beforeEach(() => {
  vi.useFakeTimers()
})
afterEach(() => {
  vi.useRealTimers()
})

test.each([1, 49, 50, 51, 300, 10_000, 51_200, 75_000, 200_000])(
  'an entry of %i ms fires once, not before its time and at most two ticks after it',
  (delayMs) => {
    const wheel = new TimerWheel(50)
    let fired = 0
    // Between two ticks, which is where most requests fall.
    wheel.arm(new TimerEntry(() => {}), 1_000_000)
    vi.advanceTimersByTime(1_230)
    wheel.arm(new TimerEntry(() => fired++), delayMs)
    vi.advanceTimersByTime(delayMs - 1)
    expect(fired).toBe(0)
    vi.advanceTimersByTime(101)
    expect(fired).toBe(1)
    vi.advanceTimersByTime(300_000)
    expect(fired).toBe(1)
  },
)

test('an entry that is armed anew forgets its first time, later or sooner', () => {
  const wheel = new TimerWheel(50)
  const fired: string[] = []
  const later = new TimerEntry(() => fired.push('later'))
  const sooner = new TimerEntry(() => fired.push('sooner'))
  wheel.arm(later, 200)
  wheel.arm(sooner, 60_000)
  wheel.arm(later, 70_000)
  wheel.arm(sooner, 100)
  vi.advanceTimersByTime(200)
  expect(fired).toEqual(['sooner'])
  vi.advanceTimersByTime(69_799)
  expect(fired).toEqual(['sooner'])
  vi.advanceTimersByTime(101)
  expect(fired).toEqual(['sooner', 'later'])
})

test('what fires may disarm and arm others of the same tick, and itself', () => {
  const wheel = new TimerWheel(50)
  const fired: string[] = []
  const victim = new TimerEntry(() => fired.push('victim'))
  const again = new TimerEntry(() => {
    fired.push('again')
    wheel.disarm(victim)
    if (fired.length < 3) wheel.arm(again, 100)
  })
  wheel.arm(again, 100)
  wheel.arm(victim, 100)
  vi.advanceTimersByTime(1_000)
  expect(fired).toEqual(['again', 'again', 'again'])
  expect(again.armed || victim.armed).toBe(false)
})

test('a wheel without entries has no interval, nor has a closed one', () => {
  const wheel = new TimerWheel(50)
  const entry = new TimerEntry(() => {})
  wheel.arm(entry, 100)
  expect(vi.getTimerCount()).toBe(1)
  wheel.disarm(entry)
  wheel.disarm(entry)
  vi.advanceTimersByTime(100)
  expect(vi.getTimerCount()).toBe(0)
  wheel.arm(entry, 100)
  wheel.close()
  wheel.arm(entry, 100)
  expect(vi.getTimerCount()).toBe(0)
})

test('a thousand entries at random times fire in their order', () => {
  const wheel = new TimerWheel(50)
  const fired: number[] = []
  let seed = 7
  for (let i = 0; i < 1_000; i++) {
    seed = (seed * 1_103_515_245 + 12_345) % 2 ** 31
    const delayMs = 1 + (seed % 120_000)
    wheel.arm(new TimerEntry(() => fired.push(Math.ceil(delayMs / 50))), delayMs)
  }
  vi.advanceTimersByTime(121_000)
  expect(fired).toHaveLength(1_000)
  expect(fired).toEqual(fired.toSorted((a, b) => a - b))
})
