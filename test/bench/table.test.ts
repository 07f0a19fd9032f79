import { expect, test } from 'vitest'
import { renderPairs, renderSummaries, renderTable } from './table.ts'

test('a table has aligned columns, names to the left and figures to the right', () => {
  expect(
    renderTable(
      ['row', 'µs'],
      [
        ['nginx', '12.5'],
        ['a gateway', '9.0'],
      ],
    ),
  ).toBe(
    [
      '| row       |   µs |',
      '| --------- | ---: |',
      '| nginx     | 12.5 |',
      '| a gateway |  9.0 |',
    ].join('\n'),
  )
})

test('a row shows its CPU by kind of process, and a missing ratio as nothing', () => {
  const figures = {
    cpuUs: 31.26,
    cpuUsByKind: { primary: 0.04, worker: 25.02, sandbox: 6.2 },
    rps: 31_415.9,
    p50Us: 1_690,
    p99Us: 10_310,
    proxyCoreBusy: 0.994,
    loadCoreBusy: 0.5,
    proxyCoreForeign: 0.01,
  }
  const row = { name: 'gateway', yardstick: 'nginx', figures, errors: [] }
  const lines = renderSummaries([{ ...row, ratio: 2.504, referenceRatio: null }]).split('\n')
  const cells = lines[2]?.split('|').map((cell) => cell.trim())
  expect(cells?.slice(1, -1)).toEqual([
    'gateway',
    '31.3',
    'primary 0.0, worker 25.0, sandbox 6.2',
    '2.50',
    '',
    '31416',
    '1.69',
    '10.31',
    '99 %',
    '50 %',
    '1 %',
    '0',
  ])
})

test('a row with errors says INVALID and shows no figure', () => {
  const errors = ['answers of 4xx or 5xx: 3', 'failed reads: 1']
  const row = { name: 'gateway', yardstick: 'nginx', figures: null, errors }
  const lines = renderSummaries([{ ...row, ratio: null, referenceRatio: null }]).split('\n')
  const cells = lines[2]?.split('|').map((cell) => cell.trim()) ?? []
  expect(cells.filter((cell) => cell !== '')).toEqual(['gateway', 'INVALID', '2, see below'])
  expect(cells).toHaveLength(lines[0]?.split('|').length ?? 0)
})

test('a comparison at a fixed rate shows both sides in milliseconds', () => {
  const summary = {
    baseP99Us: 2_000,
    otherP99Us: 3_000,
    differenceUs: 1_000,
    ratio: 1.5,
    clientLagP99Us: 210,
    errors: [],
  }
  const row = { name: 'gateway', yardstick: 'nginx', ratePerSecond: 10_373.4, summary }
  const [, , cells] = renderPairs([row]).split('\n')
  expect(cells?.replaceAll(/ +/g, ' ')).toBe(
    '| gateway | 10373 | 3.00 | 2.00 | 1.00 | 1.50 | 0.21 |',
  )
})
