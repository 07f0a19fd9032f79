import { describe, expect, test } from 'vitest'
import { ReadMemory } from '../../../../kernel/http/lean/read-memory.ts'

const LARGE = 64 * 1024

function start() {
  const shared = Buffer.alloc(LARGE)
  return { shared, memory: new ReadMemory(shared) }
}

describe('what a connection reads into', () => {
  test('is shared as long as no large body flows, and what is kept of it is copied', () => {
    const { shared, memory } = start()
    expect(memory.next(LARGE, false)).toBeUndefined()
    expect(memory.next(100, true)).toBeUndefined()
    const piece = memory.pieceOf(shared, 0, LARGE)
    shared.fill(1)
    expect(piece.every((byte) => byte === 0)).toBe(true)
  })

  test('is its own while one flows, and given away when a piece is kept', () => {
    const { shared, memory } = start()
    const own = memory.next(LARGE, true)!
    expect(own.buffer).not.toBe(shared.buffer)
    expect(memory.pieceOf(own, 0, LARGE).buffer).toBe(own.buffer)
    expect(memory.next(LARGE, true)?.buffer).not.toBe(own.buffer)
    expect(memory.next(LARGE, false)).toBe(shared)
  })

  test('is the same again only when all pieces of a read came back', () => {
    const { memory } = start()
    const own = memory.next(LARGE, true)!
    const first = memory.pieceOf(own, 0, LARGE / 2)
    const second = memory.pieceOf(own, LARGE / 2, LARGE)
    memory.takeBack(first)
    memory.takeBack(second)
    expect(memory.next(LARGE, true)).toBeUndefined()
    memory.takeBack(memory.pieceOf(own, 0, LARGE / 2))
    memory.pieceOf(own, LARGE / 2, LARGE)
    expect(memory.next(LARGE, true)!.buffer).not.toBe(own.buffer)
  })

  test('does not take for its own what was copied out of it or is older', () => {
    const { memory } = start()
    const old = memory.next(LARGE, true)!
    const oldPiece = memory.pieceOf(old, 0, LARGE)
    const own = memory.next(LARGE, true)!
    memory.pieceOf(own, 0, LARGE)
    memory.takeBack(memory.pieceOf(own, 0, 100))
    memory.takeBack(oldPiece)
    expect(memory.next(LARGE, true)!.buffer).not.toBe(own.buffer)
  })

  test('grows when the receiver keeps pace, and shrinks when it does not', () => {
    const { memory } = start()
    let own = memory.next(LARGE, true)!
    const { length } = own
    for (let read = 0; read < 3; read++) {
      memory.takeBack(memory.pieceOf(own, 0, LARGE))
      own = memory.next(LARGE, true) ?? own
    }
    expect(own.length).toBeGreaterThan(length)
    memory.pieceOf(own, 0, LARGE)
    expect(memory.next(LARGE, true)!.length).toBe(length)
  })
})
