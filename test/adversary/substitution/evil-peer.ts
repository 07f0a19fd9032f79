/**
 * A sandbox host that somebody has taken over: it keeps the protocol until a call comes, and then does
 * what its attack says. Calls with `X-Calm` are answered properly. It runs behind the same layers as
 * the real one and has given up the same rights, but has no filter of system calls, with which a socket of
 * Node's cannot live: it can do more than a real one.
 */
import { Socket } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { readView } from '@sallyport/sdk'
import {
  addMessage,
  FrameDecoder,
  FrameEncoder,
  MessageReader,
  type GatewayMessage,
  type HostMessage,
  PROTOCOL_VERSION,
} from '@sallyport/sdk/protocol'

import type { ChildOptions } from '../../../sandbox/process/launch.ts'

/** What an attack is given beside the socket. */
interface Tools {
  readonly req: { readonly id: number }
  readonly timeoutMs: number
  readonly sleep: (ms: number) => Promise<void>
  /** Bytes as they are. */
  readonly raw: (bytes: Buffer) => void
  /** The bytes as one frame. */
  readonly wrap: (bytes: Buffer) => Buffer
  /** A result that exits with a status and a body. */
  readonly send: (id: number, answer: { status: number; body?: string }) => void
  /** Any message. */
  readonly message: (message: HostMessage) => void
}

type Evil = (sock: Socket, tools: Tools, require: NodeJS.Require) => Promise<void>

const { evil } = globalThis as unknown as { evil: Evil }
const { drops } = JSON.parse(process.argv[3] ?? '') as ChildOptions
const sock = new Socket({ fd: 3, readable: true, writable: true })
for (const scope of drops) {
  const { permission } = process as { permission?: { drop?: (scope: string) => void } }
  try {
    permission?.drop?.(scope)
  } catch {
    // As in the real one.
  }
}

const NOTHING_FOLLOWS = {
  name: 'failed',
  kind: 'skipped',
  message: 'nothing follows',
  decided: false,
  log: '[]',
} as const

const decoder = new FrameDecoder(new MessageReader('gateway').read)
sock.on('data', (bytes: Buffer) => decoder.push(bytes, take))
sock.on('end', () => process.exit(0))

function take(message: GatewayMessage): void {
  const { id } = message
  switch (message.name) {
    case 'hello':
      send({
        ...{ name: 'welcome', id, protocol: PROTOCOL_VERSION, encoding: 'json' },
        info: JSON.stringify({ node: process.version, abilities: {} }),
      })
      return
    case 'load':
      send({ name: 'result', id, payload: JSON.stringify({ manifest: {}, log: [] }) })
      return
    case 'configure':
    case 'close':
      send({ name: 'result', id, payload: JSON.stringify({ log: [] }) })
      return
    case 'stats':
      send({ name: 'result', id, payload: '[]' })
      return
    case 'effectResult':
    case 'cancel':
    case 'ping':
      send({ name: 'ack', id })
      return
    case 'follow':
      send({ ...NOTHING_FOLLOWS, id })
      return
    case 'call':
      call(id, message.timeoutMs, readView(message.view as string).requestHeaders)
  }
}

function call(id: number, timeoutMs: number, headers: readonly string[]): void {
  const at = headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'x-calm')
  if (at !== -1) {
    exit(id, 200, `calm ${headers[at + 1]}`)
    return
  }
  const tools: Tools = {
    req: { id },
    timeoutMs,
    sleep: async (ms) => {
      await sleep(ms)
    },
    raw: (bytes) => void sock.write(bytes),
    wrap: (bytes) => {
      const length = Buffer.alloc(4)
      length.writeUInt32LE(bytes.length)
      return Buffer.concat([length, bytes])
    },
    send: (to, { status, body }) => exit(to, status, body),
    message: send,
  }
  void evil(sock, tools, require)
}

function exit(id: number, status: number, body = ''): void {
  const changes = [['response.exit', status, body]]
  send({ name: 'result', id, payload: JSON.stringify({ changes }) })
}

function send(message: HostMessage): void {
  const encoder = new FrameEncoder()
  addMessage(encoder, message)
  sock.write(encoder.take())
}
