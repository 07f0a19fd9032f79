import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { LoopTurn } from '../../sandbox/loop-turn.ts'

describe('what one turn of the event loop brings', () => {
  test('does not wait until a turn has brought several', async () => {
    let ends = 0
    const turn = new LoopTurn(3, () => ends++)
    expect([turn.waits(), turn.waits()]).toEqual([false, false])
    await nextTurn()
    expect([turn.waits(), turn.waits(), turn.waits()]).toEqual([false, false, false])
    await nextTurn()
    expect(ends).toBe(0)
    expect(turn.waits()).toBe(true)
  })

  test('is done once at the end of the turn, and the next one goes by itself when it was alone', async () => {
    let ends = 0
    const turn = new LoopTurn(2, () => ends++)
    for (let i = 0; i < 2; i++) turn.waits()
    await nextTurn()
    expect([turn.waits(), ends]).toEqual([true, 0])
    await nextTurn()
    expect(ends).toBe(1)
    expect(turn.waits()).toBe(false)
    await nextTurn()
    expect(ends).toBe(1)
  })
})
