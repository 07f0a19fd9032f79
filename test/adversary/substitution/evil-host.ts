/**
 * The end of a plugin host that somebody has taken over, whatever it runs in: it keeps the protocol
 * until a call comes, and then does what its attack says. Calls with `X-Calm` are answered properly.
 */
import { readView } from '@sallyport/sdk'
import {
  addMessage,
  FrameDecoder,
  FrameEncoder,
  type GatewayMessage,
  type HostMessage,
  MessageReader,
  PROTOCOL_VERSION,
} from '@sallyport/sdk/protocol'
import { readCalls } from '../../support/calls-text.ts'

/** Of calls that come together: about what a gateway gives a handler, unless it is configured. */
const TIMEOUT_MS = 2_000

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

/** What attacks may ask of the way to the gateway. */
interface EvilSocket {
  /** Nothing is read any more. */
  pause(): void
}

/** The snippet of an attack. */
export type Evil = (sock: EvilSocket, tools: Tools, require: NodeJS.Require) => Promise<void>

export interface EvilHostOptions {
  readonly evil: Evil
  readonly require: NodeJS.Require
  /** What it says of the plugin that it serves. */
  readonly manifest: unknown
  readonly sock: EvilSocket
  readonly write: (bytes: Buffer) => void
  readonly sleep: (ms: number) => Promise<void>
}

/** One connection. `push` takes what the gateway sends. */
export function createEvilHost(options: EvilHostOptions): { push(bytes: Buffer): void } {
  const decoder = new FrameDecoder(new MessageReader('gateway').read)
  const host = new EvilHost(options)
  return {
    push: (bytes) => decoder.push(bytes, (message) => host.take(message)),
  }
}

class EvilHost {
  readonly #options: EvilHostOptions

  constructor(options: EvilHostOptions) {
    this.#options = options
  }

  take(message: GatewayMessage): void {
    const { id } = message
    switch (message.name) {
      case 'hello':
        return this.#send({
          ...{ name: 'welcome', id, protocol: PROTOCOL_VERSION, encoding: 'json' },
          info: JSON.stringify({ node: process.version, abilities: {} }),
        })
      case 'load': {
        const { manifest } = this.#options
        return this.#send({ name: 'result', id, payload: JSON.stringify({ manifest, log: [] }) })
      }
      case 'configure':
      case 'close':
        return this.#send({ name: 'result', id, payload: JSON.stringify({ log: [] }) })
      case 'stats':
        return this.#send({ name: 'result', id, payload: '[]' })
      case 'effectResult':
      case 'cancel':
      case 'ping':
        return this.#send({ name: 'ack', id })
      case 'follow':
        return this.#send({
          ...{ name: 'failed', id, kind: 'skipped', message: 'nothing follows' },
          ...{ decided: false, log: '[]' },
        })
      case 'calls':
        for (const call of readCalls(message.text)) {
          this.#call(call.id, TIMEOUT_MS, readView(call.view).requestHeaders)
        }
        return undefined
      case 'call':
        return this.#call(id, message.timeoutMs, readView(message.view as string).requestHeaders)
    }
  }

  #call(id: number, timeoutMs: number, headers: readonly string[]): void {
    const at = headers.findIndex((name, i) => i % 2 === 0 && name.toLowerCase() === 'x-calm')
    if (at !== -1) return this.#exit(id, 200, `calm ${headers[at + 1]}`)
    const { evil, sock, sleep, write, require } = this.#options
    const tools: Tools = {
      ...{ req: { id }, timeoutMs, sleep, raw: write },
      wrap: (bytes) => {
        const length = Buffer.alloc(4)
        length.writeUInt32LE(bytes.length)
        return Buffer.concat([length, bytes])
      },
      send: (to, { status, body }) => this.#exit(to, status, body),
      message: (sent) => this.#send(sent),
    }
    void evil(sock, tools, require)
  }

  #exit(id: number, status: number, body = ''): void {
    const changes = [['response.exit', status, body]]
    this.#send({ name: 'result', id, payload: JSON.stringify({ changes }) })
  }

  #send(message: HostMessage): void {
    const encoder = new FrameEncoder()
    addMessage(encoder, message)
    this.#options.write(encoder.take())
  }
}
