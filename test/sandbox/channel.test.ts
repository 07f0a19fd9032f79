import { type AddressInfo, connect, createServer } from 'node:net'
import { PassThrough } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { addMessage, FrameEncoder, type HostMessage, ProtocolError } from '@sallyport/sdk/protocol'
import { describe, expect, test } from 'vitest'
import { Channel } from '../../sandbox/process/channel.ts'

describe('what a channel sends', () => {
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

describe('what comes over a channel', () => {
  /** A channel on which a thousand messages come at once. */
  function makeFlooded(onMessage: (message: HostMessage) => void) {
    const encoder = new FrameEncoder()
    for (let id = 1; id <= 1_000; id++) addMessage(encoder, { name: 'ack', id })
    const stream = new PassThrough()
    const ends: (Error | null)[] = []
    const channel = new Channel(stream, { message: onMessage, end: (error) => ends.push(error) })
    stream.push(encoder.take())
    return { channel, stream, ends }
  }

  test('is gone on with a few at a time, in its order, with others in between', async () => {
    const ids: number[] = []
    const counts: number[] = []
    const { channel, stream } = makeFlooded((message) => ids.push((message as { id: number }).id))
    while (ids.length < 1_000) {
      counts.push(ids.length)
      await nextTurn()
    }
    expect(ids).toEqual(Array.from({ length: 1_000 }, (_, i) => i + 1))
    const steps = counts.map((count, i) => count - (counts[i - 1] ?? 0))
    expect(Math.max(...steps)).toBeLessThanOrEqual(64)
    await nextTurn()
    expect(stream.isPaused()).toBe(false)
    channel.close()
  })

  test('is told to the last before the end is', async () => {
    const seen: string[] = []
    const encoder = new FrameEncoder()
    for (let id = 1; id <= 1_000; id++) addMessage(encoder, { name: 'ack', id })
    const server = createServer((socket) => socket.end(encoder.take()))
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
    const { port } = server.address() as AddressInfo
    await new Promise<void>((resolve) => {
      const channel = new Channel(connect(port, '127.0.0.1'), {
        message: () => seen.push('message'),
        end: () => (seen.push('end'), resolve()),
      })
      void channel
    })
    expect(seen.length).toBe(1_001)
    expect(seen.indexOf('end')).toBe(1_000)
    server.close()
  })

  test('is dropped when the channel is closed or its receiver is done with it', async () => {
    const seen: number[] = []
    const { channel } = makeFlooded(() => seen.push(1))
    await nextTurn()
    channel.close()
    const before = seen.length
    expect(before).toBeLessThan(1_000)
    for (let i = 0; i < 20; i++) await nextTurn()
    expect(seen.length).toBe(before)

    let count = 0
    const refusing = makeFlooded(() => {
      if (++count === 100) throw new ProtocolError('no more')
    })
    for (let i = 0; i < 20; i++) await nextTurn()
    expect(count).toBe(100)
    expect(refusing.ends).toMatchObject([{ message: 'no more' }])
  })
})
