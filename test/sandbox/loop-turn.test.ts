import { PassThrough } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { LoopTurn } from '../../sandbox/loop-turn.ts'
import { Channel } from '../../sandbox/process/channel.ts'

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

describe('a channel', () => {
  const call = { instanceKey: 'key', phase: 'access', view: '{}' } as const

  /** Sends as the callbacks of several sockets do in one turn: the microtasks of each run before the next. */
  async function sendEach(channel: Channel, ids: readonly number[]): Promise<void> {
    for (const id of ids) {
      channel.sendCall('plugin', { ...call, id })
      for (let i = 0; i < 5; i++) await Promise.resolve()
    }
  }

  function makeChannel() {
    const writes: Buffer[] = []
    const stream = new PassThrough()
    stream.write = ((bytes: Buffer) => writes.push(Buffer.from(bytes)) > 0) as never
    const channel = new Channel(stream, { message: () => undefined, end: () => undefined })
    return { channel, writes }
  }

  test('sends what a turn brings in one write, and what comes alone at once', async () => {
    const { channel, writes } = makeChannel()
    await sendEach(channel, [1, 2])
    expect(writes.length).toBe(2)
    await nextTurn()
    await sendEach(channel, [3, 4, 5])
    expect(writes.length).toBe(2)
    await nextTurn()
    expect(writes.length).toBe(3)
    for (const id of ['3', '4', '5'])
      expect(writes[2]!.toString('latin1')).toContain(`${id} 3 access`)
    // The turn before had several, so the next one waits; that one was alone.
    await sendEach(channel, [6])
    await nextTurn()
    await sendEach(channel, [7])
    expect(writes.length).toBe(5)
    channel.close()
  })

  test('does not keep more back than goes into one frame', async () => {
    const { channel, writes } = makeChannel()
    await sendEach(channel, [1, 2])
    await nextTurn()
    const before = writes.length
    await sendEach(
      channel,
      Array.from({ length: 17 }, (_, i) => 100 + i),
    )
    expect(writes.length).toBe(before + 1)
    expect(writes.at(-1)!.toString('latin1')).toContain('115 3 access')
    await nextTurn()
    expect(writes.at(-1)!.toString('latin1')).toContain('116 3 access')
    channel.close()
  })

  test('writes nothing after it was closed', async () => {
    const { channel, writes } = makeChannel()
    await sendEach(channel, [1, 2])
    await nextTurn()
    await sendEach(channel, [3])
    channel.close()
    await nextTurn()
    expect(writes.length).toBe(2)
  })
})
