import { describe, expect, test } from 'vitest'
import { toFigures } from './measure-row.ts'
import type { Figures, Sample } from './measure-row.ts'
import { median, medianRatio, summarise } from './summary.ts'

function toSample(cpuUs: number, changes: Partial<Figures> = {}): Sample {
  const figures = {
    cpuUs,
    cpuUsByKind: { worker: cpuUs },
    rps: 1_000,
    p50Us: 100,
    p99Us: 200,
    proxyCoreBusy: 1,
    loadCoreBusy: 0.5,
    proxyCoreForeign: 0,
    ...changes,
  }
  return { figures, errors: [] }
}

const FAILED: Sample = { figures: null, errors: ['answers of 4xx or 5xx: 3'] }

describe('median', () => {
  test.each([
    [[5], 5],
    [[9, 1, 5], 5],
    [[10, 1, 3, 2], 2.5],
    [[100, 20, 3], 20],
  ])('of %j is %d', (values, expected) => {
    expect(median(values)).toBe(expected)
  })

  test('of nothing is not a number', () => {
    expect(median([])).toBeNaN()
  })
})

describe('medianRatio', () => {
  test('compares within a round, so that a slow round does not count', () => {
    const own = [toSample(20), toSample(60), toSample(22)]
    const yardstick = [toSample(10), toSample(30), toSample(10)]
    expect(medianRatio(own, yardstick)).toBe(2)
  })

  test('leaves out rounds in which the yardstick failed, and is null when all did', () => {
    expect(medianRatio([toSample(20), toSample(50)], [FAILED, toSample(10)])).toBe(5)
    expect(medianRatio([toSample(20)], [FAILED])).toBeNull()
    expect(medianRatio([toSample(20)], [])).toBeNull()
  })
})

describe('summarise', () => {
  const rows = [
    { name: 'nginx', yardstick: 'nginx' },
    { name: 'node', yardstick: 'nginx' },
    { name: 'gateway', yardstick: 'nginx' },
  ]

  test('gives medians, and ratios to the yardstick and to the reference', () => {
    const samples = new Map([
      ['nginx', [toSample(10), toSample(10)]],
      ['node', [toSample(20), toSample(20)]],
      ['gateway', [toSample(30, { rps: 10 }), toSample(32, { rps: 30 })]],
    ])
    const [nginx, node, gateway] = summarise(rows, samples, 'node')
    expect(nginx).toMatchObject({ ratio: 1, referenceRatio: 0.5 })
    expect(node).toMatchObject({ ratio: 2, referenceRatio: 1 })
    expect(gateway).toMatchObject({ figures: { cpuUs: 31, rps: 20 }, ratio: 3.1, errors: [] })
  })

  test('has no figures for a row with an error in any of its rounds', () => {
    const samples = new Map([
      ['nginx', [toSample(10), toSample(10)]],
      ['gateway', [toSample(30), FAILED]],
    ])
    const gateway = summarise(rows, samples, 'node')[2]
    expect(gateway).toMatchObject({ figures: null, ratio: null, errors: FAILED.errors })
  })

  test('takes a kind of process that was missing in a round for idle', () => {
    const withChild = toSample(9, { cpuUsByKind: { worker: 5, exited: 4 } })
    const samples = new Map([['nginx', [withChild, toSample(5), toSample(5)]]])
    const [nginx] = summarise(rows.slice(0, 1), samples, 'node')
    expect(nginx?.figures?.cpuUsByKind).toEqual({ worker: 5, exited: 0 })
  })
})

test('figures are CPU by request, and what others took of the core', () => {
  const report = {
    requests: 100_000,
    durationUs: 2_000_000,
    bytes: 1,
    p50Us: 600,
    p99Us: 2_000,
    maxUs: 3_000,
    errors: { connect: 0, read: 0, write: 0, status: 0, timeout: 0 },
  }
  const cpu = { totalUs: 1_500_000, byKindUs: { primary: 100_000, worker: 1_400_000 } }
  const idle = { total: 0, busy: 0, stolen: 0 }
  const figures = toFigures(report, cpu, {
    before: new Map([
      [0, idle],
      [1, idle],
    ]),
    after: new Map([
      [0, { total: 200, busy: 120, stolen: 0 }],
      [1, { total: 200, busy: 180, stolen: 10 }],
    ]),
    proxyCore: 1,
    loadCore: 0,
  })
  expect(figures).toEqual({
    cpuUs: 15,
    cpuUsByKind: { primary: 1, worker: 14 },
    rps: 50_000,
    p50Us: 600,
    p99Us: 2_000,
    proxyCoreBusy: 0.9,
    loadCoreBusy: 0.6,
    proxyCoreForeign: expect.closeTo(0.2) as number,
  })
})
