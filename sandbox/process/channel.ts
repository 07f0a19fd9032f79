import type { Duplex } from 'node:stream'
import { type GuestCall, toCallText } from '@sallyport/sdk/guest'
import {
  addMessage,
  FrameDecoder,
  FrameEncoder,
  type GatewayMessage,
  type HostMessage,
  MessageReader,
  ProtocolError,
} from '@sallyport/sdk/protocol'
import { Fifo } from '../fifo.ts'
import { LoopTurn } from '../loop-turn.ts'
import { CallGroup, GROUP_CALLS_MAX } from '../call-group.ts'
import { fromJsonPayloads, toJsonPayloads } from './msgpack-payloads.ts'

export interface ChannelEvents {
  message(message: HostMessage): void
  /** The stream is over: what was wrong, or null when the other end closed it. */
  end(error: Error | null): void
}

/** Two that leave in one write save a write and a wake, which are dearer than to wait for the turn's end. */
const TOGETHER_MIN = 2

/**
 * So many calls are gone on with before others have their turn: a child may answer a thousand at once, which the
 * worker would do in one go.
 */
const CALLS_A_TURN = 64

/**
 * Messages over a stream, both ways. What is sent in one turn of the event loop leaves in one write, but for
 * what is sent after one that had but one to send: that leaves at once.
 * The other end is not trusted: the first thing that is not as the protocol says ends the channel.
 * On this side payloads are JSON, whatever the other end has picked of `encodings`.
 */
export class Channel {
  readonly #stream: Duplex
  readonly #events: ChannelEvents
  readonly #encoder = new FrameEncoder()
  readonly #reader = new MessageReader('host')
  readonly #decoder = new FrameDecoder(this.#reader.read)
  /** The calls that leave in one frame, unless something else comes between them. */
  readonly #group = new CallGroup()
  readonly #turn = new LoopTurn(TOGETHER_MIN, () => this.#flush())
  #flushing = false
  #ended = false
  /** Messages that wait for the next turn, while the stream is paused. */
  readonly #backlog = new Fifo<HostMessage>()
  #callsLeft = CALLS_A_TURN
  readonly #whenTold: (() => void)[] = []

  constructor(stream: Duplex, events: ChannelEvents) {
    this.#stream = stream
    this.#events = events
    stream.on('data', (bytes: Buffer) => this.#read(bytes))
    const end = (error: Error | null): void => this.whenTold(() => this.#end(error))
    stream.on('error', end)
    stream.on('close', () => end(null))
    stream.on('end', () => end(null))
  }

  /** Throws a `ProtocolError` when the message is too large for a frame. */
  send(message: GatewayMessage): void {
    if (this.#ended) return
    this.#addGroup()
    const { encoding } = this.#reader
    addMessage(this.#encoder, encoding === 'json' ? message : fromJsonPayloads(message), encoding)
    this.#flushSoon()
  }

  /**
   * Sends a call, in one frame with those of the same plugin right before and behind it. Gives a number that
   * they have in common, 0 when it goes alone. Throws as `send`.
   */
  sendCall(plugin: string, call: GuestCall): number {
    if (this.#ended) return 0
    const text = toCallText(call)
    if (!this.#group.takes(plugin, text)) {
      // The other end need not wait for more than it does together.
      this.#flush()
      if (!this.#group.takes(plugin, text)) {
        this.send({ name: 'calls', id: call.id, text })
        return 0
      }
    }
    const number = this.#group.add(plugin, call.id, text)
    this.#flushSoon()
    return number
  }

  #addGroup(): void {
    const message = this.#group.take()
    if (message !== null) addMessage(this.#encoder, message)
  }

  #flushSoon(): void {
    if (this.#flushing || this.#turn.waits()) return
    this.#flushing = true
    queueMicrotask(() => {
      this.#flushing = false
      this.#flush()
    })
  }

  /** What waits of what has come is not told any more. */
  close(): void {
    this.#ended = true
    this.#stream.destroy()
    this.#runWhenTold()
  }

  /** Calls back when all that has come is told, which may be now. */
  whenTold(then: () => void): void {
    this.#whenTold.push(then)
    if (this.#backlog.length === 0 || this.#ended) this.#runWhenTold()
  }

  #runWhenTold(): void {
    for (const then of this.#whenTold.splice(0)) then()
  }

  #flush(): void {
    if (this.#ended) return
    this.#addGroup()
    if (this.#encoder.length > 0) this.#stream.write(this.#encoder.take())
  }

  #read(bytes: Buffer): void {
    if (!this.#ended) this.#guard(() => this.#decoder.push(bytes, this.#take))
  }

  #guard(work: () => void): void {
    try {
      work()
    } catch (error) {
      // What the receiver of a message throws is the receiver's verdict on the sender as well.
      if (!(error instanceof ProtocolError)) throw error
      this.#end(error)
    }
  }

  readonly #take = (message: HostMessage): void => {
    if (this.#ended) return
    if (this.#callsLeft > 0) return this.#tell(message)
    if (this.#backlog.length === 0) this.#stream.pause()
    this.#backlog.push(message)
  }

  #tell(message: HostMessage): void {
    this.#callsLeft -= message.name === 'results' ? GROUP_CALLS_MAX : 1
    if (this.#callsLeft <= 0) setImmediate(this.#goOn)
    const isJson = this.#reader.encoding === 'json'
    this.#events.message(isJson ? message : toJsonPayloads(message))
  }

  readonly #goOn = (): void => {
    const hadBacklog = this.#backlog.length > 0
    this.#callsLeft = CALLS_A_TURN
    this.#guard(() => {
      for (let { head } = this.#backlog; head !== null; { head } = this.#backlog) {
        if (this.#callsLeft <= 0 || this.#ended) return
        this.#backlog.shift()
        this.#tell(head)
      }
    })
    if (!hadBacklog || this.#backlog.length > 0) return
    this.#runWhenTold()
    if (!this.#ended) this.#stream.resume()
  }

  #end(error: Error | null): void {
    if (this.#ended) return
    this.#ended = true
    this.#runWhenTold()
    this.#events.end(error)
  }
}
