import type { HostFailure } from '@sallyport/sdk'
import { describe, expect, onTestFinished, test, vi } from 'vitest'
import { createProcessHostFactory } from '../../sandbox/create-hosts.ts'
import type { CountersPort } from '../../sandbox/host-options.ts'
import { withLimits } from '../../sandbox/limits.ts'
import { CALL_COST_MS, CpuBudget } from '../../sandbox/process/cpu-budget.ts'
import type { ActiveCall } from '../../sandbox/process/active-call.ts'
import { HeldCalls } from '../../sandbox/process/held-calls.ts'
import { LoopLoad } from '../../sandbox/process/loop-load.ts'
import { CpuMeter } from '../../sandbox/process/cpu-meter.ts'
import { TokenBuckets } from '../../kernel/token-buckets.ts'
import { makeCall, makeHostOptions, makePlugin } from '../support/host-call.ts'

const limits = withLimits({})
const turn = () => new Promise((resolve) => setImmediate(resolve))

function makeNode() {
  const clock = { nowMs: 1_000 }
  const load = { headroom: Number.POSITIVE_INFINITY }
  const nowMs = () => clock.nowMs
  const buckets = new TokenBuckets(nowMs)
  const counters: CountersPort = {
    add: () => Promise.resolve(0),
    spend: (key, amount, bucket) => Promise.resolve(buckets.spend(key, amount, bucket)),
  }
  const budget = () => new CpuBudget('tenant:a', { counters, limits, nowMs, load })
  return { clock, load, budget, counters }
}

describe('a budget', () => {
  test('is a burst of two seconds, and 20 % of a core after it', async () => {
    const { clock, budget } = makeNode()
    const mine = budget()
    expect(mine.mayBegin(0)).toBe(true)
    mine.burn(2_000)
    await turn()
    expect([mine.leftMs, mine.mayBegin(0)]).toEqual([0, false])
    clock.nowMs += 1_000
    expect(mine.leftMs).toBeCloseTo(200)
    clock.nowMs += 60_000
    expect(mine.leftMs).toBe(2_000)
  })

  test('lets fewer calls begin at once the less there is left', () => {
    const { budget } = makeNode()
    const mine = budget()
    expect([mine.mayBegin(39), mine.mayBegin(40)]).toEqual([true, false])
    mine.burn(1_890)
    expect([mine.mayBegin(2), mine.mayBegin(3)]).toEqual([true, false])
    expect(mine.isScarce).toBe(true)
  })

  test('remembers all of what calls burnt that began together and were killed', async () => {
    const { budget } = makeNode()
    const mine = budget()
    let pieces = 0
    while (mine.mayBegin(pieces)) pieces++
    for (let i = 0; i < pieces; i++) mine.burn(limits.killCpuMs)
    await turn()
    expect(mine.leftMs).toBe(limits.tenantCpuMs - pieces * limits.killCpuMs)
  })

  test('comes down to its share of a crowded worker, call by call', async () => {
    const { clock, load, budget } = makeNode()
    const mine = budget()
    const begin = () => {
      let count = 0
      for (; count < 1_000 && mine.mayBegin(0); count++) mine.begin()
      return count
    }
    expect(begin()).toBe(1_000)
    load.headroom = 1
    expect(Math.round(begin() * CALL_COST_MS)).toBe(4)
    expect([mine.isPaced, mine.mayBegin(0)]).toEqual([true, false])
    clock.nowMs += 2
    expect(begin() * CALL_COST_MS).toBeCloseTo(0.4, 1)
    // What was saved up does not become a wave.
    clock.nowMs += 60_000
    expect(Math.round(begin() * CALL_COST_MS)).toBe(4)
    // What they burn in their sandbox takes nothing from the worker.
    mine.burn(500)
    await turn()
    clock.nowMs += 2
    load.headroom = 3
    expect(begin() * CALL_COST_MS).toBeCloseTo(1.2, 1)
    load.headroom = Number.POSITIVE_INFINITY
    expect([mine.isPaced, mine.mayBegin(0)]).toEqual([false, true])
  })

  test('is one for all workers of a node', async () => {
    const { budget } = makeNode()
    const [one, two] = [budget(), budget()]
    one.burn(1_500)
    await turn()
    expect(two.leftMs).toBe(2_000)
    two.burn(400)
    await turn()
    expect(two.leftMs).toBe(100)
    // Who waits asks.
    one.burn(0)
    await turn()
    expect(one.leftMs).toBe(100)
  })

  test('never owes more than one burst, so nobody waits for longer than that takes', async () => {
    const { clock, budget } = makeNode()
    const mine = budget()
    mine.burn(60_000)
    await turn()
    expect(mine.leftMs).toBe(-2_000)
    clock.nowMs += 10_001
    expect(mine.mayBegin(0)).toBe(true)
  })

  test('goes by what this worker burnt while the counters cannot be reached', async () => {
    const add = () => Promise.reject(new Error('gone'))
    const mine = new CpuBudget('tenant:a', {
      counters: { add, spend: add },
      limits,
      nowMs: () => 0,
    })
    mine.burn(700)
    await turn()
    mine.burn(700)
    await turn()
    expect(mine.leftMs).toBe(600)
  })
})

describe('the load of a loop', () => {
  function makeLoop() {
    const usage = { idle: 0, active: 0, utilization: 0 }
    const clock = { nowMs: 0 }
    const load = new LoopLoad(
      () => ({ ...usage }),
      () => clock.nowMs,
    )
    /** After so many milliseconds, of which it was busy for a share. */
    return (ms: number, share: number): number => {
      clock.nowMs += ms
      usage.active += ms * share
      usage.idle += ms * (1 - share)
      return load.headroom
    }
  }

  test('leaves a tenant less and less above 70 %, its share at least, and gives it back slowly', () => {
    const headroomAfter = makeLoop()
    const none = Number.POSITIVE_INFINITY
    expect([headroomAfter(25, 0.69), headroomAfter(25, 0.71)]).toEqual([none, 8])
    expect([1, 2, 3, 4].map(() => headroomAfter(25, 1))).toEqual([4, 2, 1, 1])
    expect(headroomAfter(25, 0.6)).toBe(1.25)
    expect(headroomAfter(25, 0.8)).toBe(1)
    const given = Array.from({ length: 13 }, () => headroomAfter(25, 0.1))
    expect(given.slice(-2)).toEqual([expect.closeTo(14.55, 2), none])
  })

  test('is looked at every 25 ms', () => {
    const headroomAfter = makeLoop()
    expect([headroomAfter(24, 1), headroomAfter(1, 1)]).toEqual([Number.POSITIVE_INFINITY, 8])
  })
})

describe('calls that wait for their share', () => {
  test('begin a few at a time, at their deadline at the latest are told why', () => {
    vi.useFakeTimers()
    onTestFinished(() => void vi.useRealTimers())
    const watch = { left: 2, isScarce: false, isPaced: false, mayBegin: () => watch.left > 0 }
    const begun: ActiveCall[] = []
    const held = new HeldCalls({
      watch,
      isReady: () => true,
      submit: (active) => {
        begun.push(active)
        watch.left--
        watch.isPaced = watch.left <= 0
      },
    })
    const calls = Array.from({ length: 5 }, () => ({ isHeld: false, isThrottled: false }))
    for (const call of calls) held.submit(call as ActiveCall)
    expect(begun).toEqual(calls.slice(0, 2))
    expect(calls.map(({ isThrottled }) => isThrottled)).toEqual([false, false, true, true, true])
    expect(held.throttledCount).toBe(3)
    vi.advanceTimersByTime(2)
    expect(begun).toHaveLength(2)
    watch.left = 2
    vi.advanceTimersByTime(2)
    expect(begun).toEqual(calls.slice(0, 4))
    watch.left = 1
    vi.advanceTimersByTime(2)
    expect(begun).toEqual(calls)
    expect(vi.getTimerCount()).toBe(0)
  })
})

test('a meter adds up children and leaves out what their start took', () => {
  const meter = new CpuMeter()
  meter.begin({ cpuMs: 90, rssBytes: 0 })
  expect(meter.look({ cpuMs: 120, rssBytes: 0 })).toBe(30)
  expect(meter.look(null)).toBe(0)
  meter.begin({ cpuMs: 80, rssBytes: 0 })
  expect(meter.look({ cpuMs: 85, rssBytes: 0 })).toBe(5)
  expect(meter.totalMs).toBe(35)
})

describe('a tenant that burns more than its budget', () => {
  const BODY = `access(pdk) {
    if (pdk.request.getId() !== 'burn') return pdk.log.info('ok')
    const at = Date.now()
    while (Date.now() - at < 20);
  }`
  const INSTANCE = { key: 'key', id: 'id', pluginName: 'p', config: {} }

  test('waits, is refused at its deadline, is not killed, and is served again later', async () => {
    const { options, strikes } = makeHostOptions({
      limits: { tenantCpuMs: 100, tenantCpuFillMs: 2_000 },
    })
    const factory = createProcessHostFactory(options)
    const plugins = [makePlugin('p', BODY)]
    const make = async (tenant: string) => {
      const host = factory.createHost({ name: `tenant:${tenant}`, tenant, plugins })
      onTestFinished(() => host.close())
      await host.configure([INSTANCE])
      return host
    }
    const [greedy, modest] = await Promise.all([make('greedy'), make('modest')])
    const burn = () =>
      greedy.call(makeCall({ key: 'key', view: { request: { id: 'burn' } }, timeoutMs: 1_000 }))!
    // 1,200 ms of CPU are asked for; within their deadline 150 ms are to be had.
    const outcomes = await Promise.allSettled(Array.from({ length: 60 }, burn))
    const refused = outcomes.filter(({ status }) => status === 'rejected')
    expect(refused.length).toBeGreaterThan(20)
    expect(refused.length).toBeLessThan(60)
    const reasons = refused.map(
      (outcome) => (outcome as PromiseRejectedResult).reason as HostFailure,
    )
    const throttled = reasons.filter(({ kind }) => kind === 'throttled')
    for (const { message } of throttled)
      expect(message).toContain('CPU budget of 100 ms in 2000 ms')
    // Who was with the child when its deadline passed did not wait for the budget any more.
    expect(reasons.length - throttled.length).toBeLessThanOrEqual(2)
    const call = makeCall({ key: 'key' })
    await modest.call(call)
    expect(call.applied).toHaveLength(1)
    expect(greedy.state).toBe('ready')
    expect(greedy.stats()).toMatchObject({ kills: 0, starts: 1, queued: 0 })
    expect(greedy.stats().throttled).toBeGreaterThanOrEqual(throttled.length)
    expect(greedy.stats().cpuMs).toBeGreaterThan(50)
    expect(strikes.size).toBe(0)
    // A call that may wait for longer is served.
    const later = makeCall({ key: 'key', timeoutMs: 30_000 })
    await greedy.call(later)
    expect(later.applied).toHaveLength(1)
  }, 40_000)
})
