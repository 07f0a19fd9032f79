import { describe, expect, test } from 'vitest'
import { parseCoreList, parseCores, usageBetween } from './core-usage.ts'

const STAT = `cpu  300 0 100 1600 0 0 0 0 0 0
cpu0 100 10 50 800 20 5 10 5 0 0
cpu1 200 0 50 750 0 0 0 0 40 0
intr 12345 0 0
`

describe('core usage', () => {
  test('reads each core, but not the sum of all', () => {
    expect([...parseCores(STAT)]).toEqual([
      [0, { total: 1000, busy: 175, stolen: 5 }],
      [1, { total: 1000, busy: 250, stolen: 0 }],
    ])
  })

  test('is the share of the time between two readings, stolen time apart', () => {
    const before = new Map([[1, { total: 1000, busy: 100, stolen: 0 }]])
    const after = new Map([[1, { total: 1200, busy: 250, stolen: 10 }]])
    expect(usageBetween(before, after, 1)).toEqual({ busy: 0.75, stolen: 0.05, ticks: 200 })
  })

  test('is zero between two readings of the same tick', () => {
    const cores = parseCores(STAT)
    expect(usageBetween(cores, cores, 0)).toEqual({ busy: 0, stolen: 0, ticks: 0 })
  })

  test('names a core that is not there', () => {
    expect(() => usageBetween(parseCores(STAT), parseCores(STAT), 7)).toThrow('core 7')
  })

  test.each([
    ['0', [0]],
    ['0-1\n', [0, 1]],
    ['2-4,7,9-10', [2, 3, 4, 7, 9, 10]],
  ])('reads the list of cores %j', (list, cores) => {
    expect(parseCoreList(list)).toEqual(cores)
  })
})
