import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { FrameDecoder, FrameEncoder } from '@sallyport/sdk/protocol'
import { valueReader } from '../../support/value-reader.ts'

export type Frame = [type: number, id: number, ...fields: unknown[]]
/** Frames, or bytes as they are. */
export type Reply = (frames: readonly unknown[] | Buffer) => void

export const TYPES = {
  hello: 1,
  welcome: 2,
  load: 3,
  configure: 4,
  call: 5,
  result: 6,
  failed: 7,
  effect: 8,
  effectResult: 9,
  cancel: 10,
  ping: 11,
  ack: 12,
  stats: 13,
  close: 14,
} as const

export const MANIFEST = {
  name: 'p',
  version: '1.0.0',
  priority: 0,
  phases: ['access'],
  schema: null,
  scopes: { consumer: true, route: true, service: true },
}

export interface FakeProgram {
  readonly path: string
  /** Every frame that came, over all connections. */
  readonly frames: readonly Frame[]
  readonly connections: () => number
  /** Stops listening, as a program that is stopped does, and hangs up. */
  stop(): Promise<void>
  start(): Promise<void>
  /** Ends everything for good. */
  close(): Promise<void>
}

/**
 * A remote program that speaks msgpack. `answer` is asked first about every frame; when it returns
 * nothing the program does what a good one would.
 */
export async function startFakeProgram(
  answer: (frame: Frame, reply: Reply, socket: Socket) => true | void,
): Promise<FakeProgram> {
  const folder = mkdtempSync(join(tmpdir(), 'fake-'))
  const path = join(folder, 'p.sock')
  const frames: Frame[] = []
  const sockets = new Set<Socket>()
  let connections = 0
  const server = createServer((socket) => {
    connections++
    sockets.add(socket)
    socket.on('close', () => sockets.delete(socket))
    socket.on('error', () => undefined)
    const decoder = new FrameDecoder(valueReader())
    const reply: Reply = (sent) => void socket.write(Buffer.isBuffer(sent) ? sent : encode(sent))
    socket.on('data', (bytes: Buffer) =>
      decoder.push(bytes, (value) => {
        const frame = value as Frame
        frames.push(frame)
        if (answer(frame, reply, socket) !== true) behave(frame, reply)
      }),
    )
  })
  const start = () => new Promise<void>((resolve) => server.listen(path, resolve))
  const stop = () =>
    new Promise<void>((resolve) => {
      server.close(() => resolve())
      for (const socket of sockets) socket.destroy()
    })
  await start()
  return {
    path,
    frames,
    connections: () => connections,
    start,
    stop,
    close: async () => {
      await stop()
      rmSync(folder, { recursive: true, force: true })
    },
  }
}

function behave([type, id]: Frame, reply: Reply): void {
  const { hello, welcome, load, configure, call, close, result, stats, ack } = TYPES
  if (type === hello) reply([[welcome, id, 1, 'msgpack', {}]])
  else if (type === load) reply([[result, id, { manifest: MANIFEST, log: [] }]])
  else if (type === configure || type === close) reply([[result, id, { log: [] }]])
  else if (type === call) reply([[result, id, { changes: [] }]])
  else if (type === stats) reply([[result, id, []]])
  else reply([[ack, id]])
}

function encode(frames: readonly unknown[]): Buffer {
  const encoder = new FrameEncoder()
  for (const frame of frames) encoder.add(frame)
  return encoder.take()
}
