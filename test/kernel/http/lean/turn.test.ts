import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { Turn } from '../../../../kernel/http/lean/turn.ts'

/** Writes a head with this value, and says where. */
function write(turn: Turn, value: string) {
  const { heads } = turn
  heads.begin(0)
  heads.header('X-A', value)
  const memory = heads.finish()
  turn.used = heads.end
  return { memory, text: () => memory.toString('latin1', heads.start, heads.end) }
}

describe('the end of a turn', () => {
  test('does what was added, once, in its order, and what that adds', async () => {
    const turn = new Turn()
    const done: string[] = []
    turn.add({
      onTurnEnd: () => {
        done.push('first')
        turn.add({ onTurnEnd: () => done.push('added') })
      },
    })
    turn.add({ onTurnEnd: () => done.push('second') })
    expect(done).toEqual([])
    await nextTurn()
    expect(done).toEqual(['first', 'second', 'added'])
    await nextTurn()
    expect(done).toHaveLength(3)
  })

  test('comes early when the memory is full', () => {
    const turn = new Turn()
    let ends = 0
    turn.add({ onTurnEnd: () => ends++ })
    turn.used = turn.memory.length - 10
    turn.reserve(10)
    expect(ends).toBe(0)
    turn.reserve(11)
    expect(ends).toBe(1)
    expect(turn.used).toBe(0)
  })
})

describe('the memory of a turn', () => {
  test('is the same in the next one when every socket has taken what it was given', () => {
    const turn = new Turn()
    const { memory } = write(turn, 'a')
    turn.end()
    expect(write(turn, 'b').memory).toBe(memory)
    expect(turn.used).toBe('X-A: b\r\n\r\n'.length)
  })

  test('is left to a socket that has not taken all of it', () => {
    const turn = new Turn()
    const first = write(turn, 'a')
    turn.add({ onTurnEnd: () => turn.lend() })
    turn.end()
    const second = write(turn, 'b')
    expect(second.memory).not.toBe(first.memory)
    expect(first.memory.toString('latin1', 0, 10)).toBe('X-A: a\r\n\r\n')
  })

  test('grows under a head that does not fit, and is of the usual size afterwards', () => {
    const turn = new Turn()
    const usual = turn.memory.length
    const value = 'v'.repeat(usual * 2)
    expect(write(turn, value).text()).toBe(`X-A: ${value}\r\n\r\n`)
    turn.end()
    expect(turn.memory.length).toBe(usual)
  })

  test('has nothing of a head that was refused', () => {
    const turn = new Turn()
    expect(() => write(turn, 'a\nb')).toThrow(TypeError)
    expect(turn.used).toBe(0)
    expect(write(turn, 'c').text()).toBe('X-A: c\r\n\r\n')
  })
})
