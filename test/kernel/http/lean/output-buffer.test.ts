import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'
import { describe, expect, onTestFinished, test } from 'vitest'
import { OutputBuffer } from '../../../../kernel/http/lean/output-buffer.ts'
import { Turn } from '../../../../kernel/http/lean/turn.ts'

/** A socket whose other end reads nothing. */
async function connectToSilence(): Promise<Socket> {
  const server = createServer((socket) => socket.pause().on('error', () => {}))
  await once(server.listen(0, '127.0.0.1'), 'listening')
  const socket = connect((server.address() as AddressInfo).port, '127.0.0.1').on('error', () => {})
  onTestFinished(() => {
    socket.destroy()
    server.close()
  })
  await once(socket, 'connect')
  return socket
}

describe('a large chunk that was written', () => {
  test('is told to be taken only when the system took all of it', async () => {
    const socket = await connectToSilence()
    const turn = new Turn()
    const output = new OutputBuffer(socket, turn)
    const first = Buffer.alloc(16 * 1024)
    output.write(first)
    expect(turn.taken).toBe(first)
    let last = first
    for (let chunks = 0; socket.writableLength === 0 && chunks < 4096; chunks++) {
      last = Buffer.alloc(16 * 1024)
      output.write(last)
    }
    expect(socket.writableLength).toBeGreaterThan(0)
    expect(turn.taken).not.toBe(last)
  })
})
