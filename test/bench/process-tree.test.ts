import { describe, expect, test } from 'vitest'
import { cpuBetween, parseStat, toTree } from './process-tree.ts'
import type { TreeMember } from './process-tree.ts'

/** A line of /proc/PID/stat, shortened behind the fields that are read. */
function toStat(name: string, times: readonly number[]): string {
  const [user, system, reapedUser, reapedSystem] = times
  return (
    `4242 (${name}) S 17 4242 4242 0 -1 4194304 2000 0 0 0 ` +
    `${user} ${system} ${reapedUser} ${reapedSystem} 20 0 11 0 998877 1000000 500\n`
  )
}

function toMember(changes: Partial<TreeMember> & { pid: number }): TreeMember {
  const rest = { parentPid: 1, startedAt: 5, selfTicks: 0, reapedTicks: 0, kind: 'worker' }
  return { ...rest, ...changes }
}

describe('parseStat', () => {
  test('adds user and kernel time, own and reaped ones apart', () => {
    expect(parseStat(toStat('node', [100, 20, 7, 3]))).toEqual({
      pid: 4242,
      parentPid: 17,
      startedAt: 998877,
      selfTicks: 120,
      reapedTicks: 10,
    })
  })

  test('is not confused by blanks and parentheses in the name of a command', () => {
    expect(parseStat(toStat('a) R 99 (b', [1, 2, 3, 4]))).toMatchObject({
      parentPid: 17,
      selfTicks: 3,
      reapedTicks: 7,
    })
  })
})

describe('toTree', () => {
  test('finds descendants of any depth whatever their order, and nobody else', () => {
    const all = [
      toMember({ pid: 30, parentPid: 20 }),
      toMember({ pid: 20, parentPid: 10 }),
      toMember({ pid: 11, parentPid: 1 }),
      toMember({ pid: 10, parentPid: 1 }),
    ]
    const found = toTree(10, all).map(({ depth, process }) => [process.pid, depth])
    expect(found).toEqual([
      [10, 0],
      [20, 1],
      [30, 2],
    ])
  })

  test('is empty when the root is gone', () => {
    expect(toTree(10, [toMember({ pid: 20, parentPid: 10 })])).toEqual([])
  })
})

describe('cpuBetween', () => {
  test('adds what each kind burnt since the first reading', () => {
    const before = [
      toMember({ pid: 1, kind: 'primary', selfTicks: 50 }),
      toMember({ pid: 2, selfTicks: 100 }),
      toMember({ pid: 3, kind: 'sandbox', selfTicks: 10 }),
      toMember({ pid: 4, kind: 'sandbox', selfTicks: 10 }),
    ]
    const after = [
      toMember({ pid: 1, kind: 'primary', selfTicks: 51 }),
      toMember({ pid: 2, selfTicks: 400 }),
      toMember({ pid: 3, kind: 'sandbox', selfTicks: 30 }),
      toMember({ pid: 4, kind: 'sandbox', selfTicks: 15 }),
    ]
    expect(cpuBetween(before, after)).toEqual({
      totalUs: 3_260_000,
      byKindUs: { primary: 10_000, worker: 3_000_000, sandbox: 250_000 },
    })
  })

  test('counts a process that began in between from its start', () => {
    const after = [toMember({ pid: 2, selfTicks: 40 })]
    expect(cpuBetween([], after).totalUs).toBe(400_000)
  })

  test('counts what an ended child burnt in between, not what it had burnt before', () => {
    const before = [
      toMember({ pid: 1, reapedTicks: 5 }),
      toMember({ pid: 2, selfTicks: 100, reapedTicks: 20 }),
    ]
    const after = [toMember({ pid: 1, reapedTicks: 165 })]
    expect(cpuBetween(before, after)).toEqual({
      totalUs: 400_000,
      byKindUs: { worker: 0, exited: 400_000 },
    })
  })

  test('takes nothing off when an ended child has not been waited for', () => {
    const before = [toMember({ pid: 1 }), toMember({ pid: 2, selfTicks: 100 })]
    const after = [toMember({ pid: 1, selfTicks: 7 })]
    expect(cpuBetween(before, after).totalUs).toBe(70_000)
  })

  test('takes a reused pid for another process', () => {
    const before = [toMember({ pid: 1 }), toMember({ pid: 2, selfTicks: 100 })]
    const after = [
      toMember({ pid: 1, reapedTicks: 100 }),
      toMember({ pid: 2, startedAt: 6, selfTicks: 8 }),
    ]
    expect(cpuBetween(before, after).totalUs).toBe(80_000)
  })
})
