import { describe, expect, test } from 'vitest'
import { withLimits } from '../../sandbox/limits.ts'
import { KillClock, TICK_MS } from '../../sandbox/process/kill-clock.ts'
import { Piece } from '../../sandbox/process/piece.ts'

const limits = withLimits({})

/** A clock that is told, tick by tick, what the child burns and whether it answers. */
function watch(kind: 'call' | 'load' = 'call') {
  const clock = new KillClock(limits)
  const state = { head: new Piece(kind, null) as Piece | null, lastAnswerMs: 0 }
  let nowMs = 10_000
  let cpuMs = 500
  const tick = (burntMs: number, hasUsage = true) => {
    nowMs += TICK_MS
    cpuMs += burntMs
    return clock.tick(state, hasUsage ? { cpuMs, rssBytes: 1 } : null, nowMs)
  }
  /** Ticks until it kills; how many it took and why. */
  const run = (burntMs: number, options: { hasUsage?: boolean; max?: number } = {}) => {
    const { hasUsage = true, max = 400 } = options
    for (let ticks = 1; ticks <= max; ticks++) {
      const reason = tick(burntMs, hasUsage)
      if (reason !== null) return { ticks, reason }
    }
    return null
  }
  return { clock, state, tick, run, now: () => nowMs, skip: (ms: number) => (nowMs += ms) }
}

describe('the kill rule', () => {
  test('kills a child that burnt 100 ms of CPU on the call at the head', () => {
    const { run } = watch()
    // The first tick puts the call on the clock; four of 25 ms make 100.
    expect(run(25)).toEqual({ ticks: 5, reason: 'a call burnt 100 ms of CPU and did not end' })
  })

  test('knows when nobody has looked, and not because another child is looked at', () => {
    const { clock, tick, now, skip } = watch()
    clock.wake(now())
    expect(clock.isStalled(now() + 4 * TICK_MS)).toBe(false)
    expect(clock.isStalled(now() + 4 * TICK_MS + 1)).toBe(true)
    tick(0)
    clock.forget()
    expect(clock.isStalled(now())).toBe(false)
    skip(5_000)
    expect(clock.isStalled(now())).toBe(true)
    clock.wake(now())
    expect(clock.isStalled(now())).toBe(false)
  })

  test('lets a starved child have its CPU, but not be silent for more than a second', () => {
    expect(watch().run(1)).toMatchObject({ ticks: 41, reason: 'it gave no answer for 1000 ms' })
  })

  test('counts from the moment a call is at the head, not from when it was sent', () => {
    const { state, tick, run } = watch()
    for (let calls = 0; calls < 20; calls++) {
      state.head = new Piece('call', null)
      expect([tick(25), tick(25), tick(25)]).toEqual([null, null, null])
    }
    state.head = new Piece('call', null)
    expect(run(25)!.ticks).toBe(5)
  })

  test('takes any answer as a sign of life, but not as an excuse for burning', () => {
    const { state, tick, now, run } = watch()
    for (let ticks = 0; ticks < 100; ticks++) {
      state.lastAnswerMs = now()
      expect(tick(0)).toBeNull()
    }
    expect(run(25)).toMatchObject({ reason: expect.stringContaining('burnt') as string })
  })

  test('leaves an idle child alone, whatever it burns', () => {
    const { state, run } = watch()
    state.head = null
    expect(run(25)).toBeNull()
  })

  test('gives loading an allowance of its own', () => {
    expect(watch('load').run(25)).toMatchObject({ ticks: 25 })
  })

  test('does not blame a child for a stall on this side', () => {
    const { tick, skip } = watch()
    tick(25)
    tick(25)
    skip(5_000)
    // Its answers may be unread: the clock begins anew.
    expect([tick(500), tick(25)]).toEqual([null, null])
  })

  test('goes by the wall clock where the platform does not tell the CPU', () => {
    expect(watch().run(0, { hasUsage: false })).toMatchObject({ ticks: 5 })
  })

  test('kills at once beyond the memory that a child may have', () => {
    const { clock, state } = watch()
    const usage = { cpuMs: 0, rssBytes: limits.childRssBytesMax + 1 }
    expect(clock.tick(state, usage, 0)).toContain('bytes of memory')
  })
})
