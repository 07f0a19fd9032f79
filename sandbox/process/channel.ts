import type { Duplex } from 'node:stream'
import {
  FrameDecoder,
  FrameEncoder,
  FRAME_LIMITS,
  fromEnvelope,
  type GatewayMessage,
  type HostMessage,
  MESSAGES,
  type PayloadEncoding,
  ProtocolError,
  toEnvelope,
} from '@sallyport/sdk/protocol'
import { fromJsonPayloads, toJsonPayloads } from './msgpack-payloads.ts'

export interface ChannelEvents {
  message(message: HostMessage): void
  /** The stream is over: what was wrong, or null when the other end closed it. */
  end(error: Error | null): void
}

/** A payload lies in the array of its message, and a result is an object of a list of lists. */
const ENVELOPE_NESTING = 4

/**
 * Messages over a stream, both ways. What is sent in one turn of the event loop leaves in one write.
 * The other end is not trusted: the first thing that is not as the protocol says ends the channel.
 * On this side payloads are JSON, whatever the other end has picked of `encodings`.
 */
export class Channel {
  readonly #stream: Duplex
  readonly #events: ChannelEvents
  readonly #encoder = new FrameEncoder()
  readonly #decoder: FrameDecoder
  readonly #encodings: readonly PayloadEncoding[]
  #encoding: PayloadEncoding = 'json'
  #flushing = false
  #ended = false

  constructor(
    stream: Duplex,
    events: ChannelEvents,
    encodings: readonly PayloadEncoding[] = ['json'],
  ) {
    this.#stream = stream
    this.#events = events
    this.#encodings = encodings
    const nesting = encodings.includes('msgpack') ? ENVELOPE_NESTING : 0
    const depthMax = FRAME_LIMITS.depthMax + nesting
    this.#decoder = new FrameDecoder({ ...FRAME_LIMITS, depthMax })
    stream.on('data', (bytes: Buffer) => this.#read(bytes))
    stream.on('error', (error: Error) => this.#end(error))
    stream.on('close', () => this.#end(null))
    stream.on('end', () => this.#end(null))
  }

  /** Throws a `ProtocolError` when the message is too large for a frame. */
  send(message: GatewayMessage): void {
    if (this.#ended) return
    const isJson = this.#encoding === 'json'
    this.#encoder.add(toEnvelope(isJson ? message : fromJsonPayloads(message)))
    if (this.#flushing) return
    this.#flushing = true
    queueMicrotask(() => this.#flush())
  }

  close(): void {
    this.#ended = true
    this.#stream.destroy()
  }

  #flush(): void {
    this.#flushing = false
    if (!this.#ended) this.#stream.write(this.#encoder.take())
  }

  #read(bytes: Buffer): void {
    if (this.#ended) return
    try {
      this.#decoder.push(bytes, (value) => {
        if (!this.#ended) this.#events.message(this.#toMessage(value))
      })
    } catch (error) {
      // What the receiver of a message throws is the receiver's verdict on the sender as well.
      if (!(error instanceof ProtocolError)) throw error
      this.#end(error)
    }
  }

  #toMessage(value: unknown): HostMessage {
    if (Array.isArray(value) && value[0] === MESSAGES.welcome.type) {
      this.#encoding = this.#encodings.find((encoding) => encoding === value[3]) ?? 'json'
    }
    const message = fromEnvelope(value, 'host', this.#encoding)
    return this.#encoding === 'json' ? message : toJsonPayloads(message)
  }

  #end(error: Error | null): void {
    if (this.#ended) return
    this.#ended = true
    this.#events.end(error)
  }
}
