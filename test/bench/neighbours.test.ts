import { expect, describe, test } from 'vitest'
import type { FixedRateReport } from './fixed-rate.ts'
import { summarisePairs } from './latency-pairs.ts'
import { NEIGHBOURS_USAGE, parseNeighboursOptions } from './neighbours-options.ts'
import { OFFENCES, selectPairings, toConfig } from './neighbours-scene.ts'
import { renderNeighbours } from './neighbours-table.ts'
import { CLIENT_LAG_US_MAX, fitRate, judge, toCapacity, toRefillMs } from './neighbours-verdict.ts'

function toReport(changes: Partial<FixedRateReport>): FixedRateReport {
  const good = { answered: 10, p50Us: 1, p99Us: 1, maxUs: 1, clientLagP99Us: 1 }
  return { ...good, badStatus: 0, socketErrors: 0, unanswered: 0, ...changes }
}

const toState = (lagUs: number) => ({ lagUs, coreBusy: 0 })

function judgeP99(...pairs: readonly (readonly [base: number, other: number])[]) {
  const measured = pairs.map(([base, other]) => ({
    base: toReport({ p50Us: base / 2, p99Us: base }),
    other: toReport({ p50Us: other / 2, p99Us: other }),
  }))
  return judge(measured, summarisePairs(measured))
}

describe('the capacity of a tenant', () => {
  test('is what its CPU budget pays for, where that is less than what the gateway can do', () => {
    expect(toCapacity({ ratePerSecond: 10_000, chargedUsPerRequest: 50 })).toBe(4_000)
  })

  test('is what the gateway can do, where that is less', () => {
    expect(toCapacity({ ratePerSecond: 3_000, chargedUsPerRequest: 50 })).toBe(3_000)
  })

  test('without a plugin has no budget', () => {
    expect(toCapacity({ ratePerSecond: 50_000, chargedUsPerRequest: 0 })).toBe(50_000)
  })

  test('is whole again after as long as the budget takes, at most to fill from nothing', () => {
    expect(toRefillMs(400_000)).toBe(2_000)
    expect(toRefillMs(9_000_000)).toBe(10_000)
  })
})

describe('the verdict', () => {
  test('allows 2 ms where a fifth is less', () => {
    expect(judgeP99([5_000, 7_000])).toMatchObject({ growthUsMax: 2_000, isWithin: true })
    expect(judgeP99([5_000, 7_001]).isWithin).toBe(false)
  })

  test('allows a fifth where that is more', () => {
    expect(judgeP99([20_000, 24_000])).toMatchObject({ growthUsMax: 4_000, isWithin: true })
    expect(judgeP99([20_000, 24_001]).isWithin).toBe(false)
  })

  test('goes by the median of the pairs, not by the worst or by the medians of the sides', () => {
    const verdict = judgeP99([1_000, 1_500], [9_000, 9_500], [1_000, 90_000])
    expect(verdict).toMatchObject({ growthUs: 500, isWithin: true })
    expect(verdict.basePercentilesUs).toEqual([500, 1_000])
    expect(verdict.otherPercentilesUs).toEqual([4_750, 9_500])
  })

  test('is never good when the victim has failed requests', () => {
    const pairs = [{ base: toReport({}), other: toReport({ badStatus: 1 }) }]
    expect(judge(pairs, summarisePairs(pairs)).isWithin).toBe(false)
  })
})

describe('the rate', () => {
  test('is the wanted one when the client keeps up', async () => {
    expect(await fitRate(1_000.7, () => Promise.resolve(toState(CLIENT_LAG_US_MAX)))).toBe(1_000)
  })

  test('is lowered until the client keeps up', async () => {
    const asked: number[] = []
    const rate = await fitRate(1_000, (each) => {
      asked.push(each)
      return Promise.resolve(toState(each > 600 ? CLIENT_LAG_US_MAX + 1 : 0))
    })
    expect([rate, asked]).toEqual([489, [1_000, 1_000, 1_000, 700, 700, 700, 489]])
  })

  test('is not lowered for what else the machine does for a moment', async () => {
    let asked = 0
    const stateAt = () => Promise.resolve(toState((asked += 1) < 3 ? CLIENT_LAG_US_MAX + 1 : 0))
    expect(await fitRate(1_000, stateAt)).toBe(1_000)
  })

  test('is lowered until there is room for the client of the offender', async () => {
    const stateAt = (each: number) => Promise.resolve({ lagUs: 0, coreBusy: each / 1_000 })
    expect(await fitRate(1_000, stateAt)).toBe(489)
  })

  test('is not lowered without end', async () => {
    let asked = 0
    const rate = await fitRate(10, () => Promise.resolve(toState((asked += 1) * 1e9)))
    expect([rate, asked]).toEqual([1, 18])
  })
})

test('each pair has an offender of its own, and only the victim of one kind has a plugin', () => {
  const options = { offence: OFFENCES[1]!, offenders: 2, seconds: 1, warmupSeconds: 1 }
  const config = toConfig({ ...options, victim: 'sandboxed plugin' })
  expect(config).toContain('- { name: offender-2 }')
  expect(config).not.toContain('offender-3')
  expect(config.match(/name: bench-hostile, config: \{ deed: loop \}/g)).toHaveLength(2)
  expect(config).toContain('tenant: victim, plugins: [{ name: bench-header }]')
  expect(toConfig({ ...options, victim: 'no plugin' })).toContain('tenant: victim, plugins: []')
})

test('the table says INVALID of a row with errors, and OVER of one beyond its bar', () => {
  const row = {
    ...{ name: 'a, b', capacity: 1_000, ratePerSecond: 500, clientLagP99Us: 100 },
    loadCoreBusy: 0.75,
    ...{ verdict: judgeP99([5_000, 9_000]), offended: [{ requests: 7, refused: 3 }], errors: [] },
  }
  expect(renderNeighbours([row])).toMatch(
    / 500 \|.* 50 % \|.* 4\.00 \|.* 75 % \|.* 7, 3 \| +OVER \|$/,
  )
  expect(renderNeighbours([{ ...row, errors: ['x'] }])).toMatch(/1, see below.* INVALID \|$/)
})

test.each([
  [['--pairs', '0'], '--pairs is "0": a whole number from 1 to 15 is wanted'],
  [['--seconds', 'x'], '--seconds is "x": a whole number from 1 to 60 is wanted'],
])('options %j are refused', (argv, message) => {
  expect(() => parseNeighboursOptions(argv)).toThrow(message)
})

test('rows are chosen by a part of their name, and a name of none is refused', () => {
  expect(selectPairings('')).toHaveLength(2 * OFFENCES.length)
  expect(selectPairings('no plugin, cpu').map(({ name }) => name)).toEqual([
    'no plugin, CPU loops, one after the other',
  ])
  expect(() => selectPairings('rain')).toThrow(/--only is "rain": .*"sandboxed plugin, flood/)
})

test('every option is described', () => {
  const { help: _, ...options } = parseNeighboursOptions([])
  expect(options).toEqual({ pairs: 5, seconds: 8, warmupSeconds: 1, only: '' })
  for (const flag of ['--pairs', '--seconds', '--warmup', '--only', '--help']) {
    expect(NEIGHBOURS_USAGE).toContain(flag)
  }
})
