import type { Socket } from 'node:net'
import {
  type HostMessage,
  type Message,
  type PayloadEncoding,
  ProtocolError,
} from '@sallyport/sdk/protocol'
import { isFinal, payloadOf } from '@sallyport/sdk/guest'
import { linesOf } from '../isolate/call-lines.ts'
import { Channel } from './channel.ts'
import { raise } from './child-priority.ts'
import { Fifo } from '../fifo.ts'
import { Greeting } from './greeting.ts'
import { IdTable } from '../id-table.ts'
import type { LaunchedChild } from './launch.ts'
import { Piece, type WorkMessage } from './piece.ts'

/** What is left of a child that is gone. Pieces in the order in which they were sent. */
export interface Remains {
  readonly reason: string
  /** The piece that was being done; null when the child was idle, or when nobody knows which it was. */
  readonly head: Piece | null
  /** It may have been any of several: the next host that gets them one by one shows which. */
  readonly isUnsure: boolean
  readonly waiting: readonly Piece[]
  /** Not begun. */
  readonly queued: readonly Piece[]
}

export interface SandboxProcessOptions {
  readonly child: LaunchedChild
  readonly startMs: number
  readonly stderrBytesMax: number
  /**
   * It is given calls of one plugin together, and may do several that lie one behind the other before it
   * answers the first: when it dies meanwhile, nobody knows which of them it was, and none has done
   * anything beyond it.
   */
  readonly takesTogether?: boolean
  /** What it may pick for payloads, best first; `json` alone unless told. */
  readonly encodings?: readonly PayloadEncoding[]
  /** Called once, after the process has ended or was killed. */
  readonly onDown: (remains: Remains) => void
}

const ID_MAX = 0xffff_ffff

/**
 * One sandbox host process as its supervisor sees it. Keeps the order of work, checks that the child
 * keeps the protocol, and kills it when it does not.
 */
export class SandboxProcess {
  readonly #options: SandboxProcessOptions
  readonly #channel: Channel
  /** Pieces without an end, oldest first. */
  readonly #queue = new Fifo<Piece>()
  readonly #waiting = new IdTable<Piece>()
  readonly #effects = new IdTable<Piece>()
  #nextId = 1
  #killReason: string | null = null
  #isDown = false
  #isBetween = false
  #stderr = ''
  readonly #greeting: Greeting
  #onDown: (remains: Remains) => void
  /** By the keys of the instances that are configured. */
  #pluginOf: ReadonlyMap<string, string> = new Map()
  readonly #exited: Promise<void>
  /** What the child says about itself, once it is ready. */
  readonly ready: Promise<string>
  /** When the child last told anything: `performance.now()`. */
  lastAnswerMs = performance.now()

  constructor(options: SandboxProcessOptions) {
    this.#options = options
    this.#onDown = options.onDown
    const { process: child, channel } = options.child
    this.#channel = new Channel(channel, {
      message: (message) => this.#onMessage(message),
      end: (error) => this.kill(error === null ? 'it closed its channel' : error.message),
    })
    this.#greeting = new Greeting({
      encodings: options.encodings ?? ['json'],
      startMs: options.startMs,
      send: (message) => this.#channel.send(message),
      onLate: (reason) => this.kill(reason),
    })
    this.ready = this.#greeting.info
    this.ready.catch(() => undefined)
    this.#exited = new Promise((resolve) => {
      child.once('exit', (code, signal) => {
        const how = signal === null ? `it exited with code ${code}` : `it died of ${signal}`
        this.#channel.whenTold(() => (this.#down(how), resolve()))
      })
      child.once('error', ({ message }) => {
        this.#down(`it cannot be started: ${message}`)
        resolve()
      })
    })
    child.stderr?.on('data', (text: Buffer) => {
      this.#stderr = (this.#stderr + text.toString('latin1')).slice(-options.stderrBytesMax)
    })
    // A sandbox keeps nobody alive: who waits for an answer has a timer of its own.
    child.unref()
    for (const stream of [channel, child.stderr, child.stdin]) (stream as Socket | null)?.unref()
  }

  get pid(): number | undefined {
    return this.#options.child.process.pid
  }

  get isDown(): boolean {
    return this.#isDown || this.#killReason !== null
  }

  /** The piece that the child is doing or will do next. */
  get head(): Piece | null {
    return this.#queue.head
  }

  get pieces(): number {
    return this.#queue.length
  }

  /** Whether anything was asked for that has not ended. */
  get isBusy(): boolean {
    return this.head !== null || this.#waiting.size > 0
  }

  /** The last words of the child. */
  get stderr(): string {
    return this.#stderr
  }

  /** A spare has no supervisor until one adopts it. */
  adopt(onDown: (remains: Remains) => void): void {
    this.#onDown = onDown
  }

  /** Sends one piece of work. Throws a `ProtocolError` when it does not fit into a frame. */
  send(piece: Piece, message: WorkMessage): void {
    const id = this.#takeId()
    piece.id = id
    if (message.name === 'call' && this.#options.takesTogether === true) {
      const { instanceKey, phase, view } = message
      const plugin = this.#pluginOf.get(instanceKey) ?? instanceKey
      piece.group = this.#channel.sendCall(plugin, { id, instanceKey, phase, view })
    } else this.#channel.send({ ...message, id })
    this.#queue.push(piece)
  }

  /** Calls of these instances come from now on: those of the same plugin can go together. */
  expect(pluginOf: ReadonlyMap<string, string>): void {
    this.#pluginOf = pluginOf
  }

  /** Answers an effect, unless nobody waits for it any more. */
  answerEffect(id: number, ok: boolean, value: string): void {
    const piece = this.#effects.get(id)
    if (piece === undefined || this.isDown) return
    this.#effects.delete(id)
    piece.effects?.delete(id)
    if (piece.state === 'over') return
    const answer = new Piece('effectResult', null)
    answer.id = id
    answer.belongsTo = piece
    this.#channel.send({ name: 'effectResult', id, ok, value })
    this.#queue.push(answer)
  }

  /** Takes a piece back: what still comes for it is ignored. */
  cancel(piece: Piece): void {
    if (piece.state === 'over' || piece.isCancelled) return
    piece.isCancelled = true
    // What has not had its turn ends with it.
    if (piece.state === 'waiting') this.#sendCancel(piece)
  }

  /** `isBetween`: the child is known to have stopped before it began the next piece. */
  kill(reason: string, isBetween = false): void {
    if (this.isDown) return
    this.#isBetween = isBetween
    this.#killReason = reason
    this.#channel.close()
    raise(this)
    this.#options.child.process.kill('SIGKILL')
    this.#down(reason)
  }

  /** Resolves when the process is gone. */
  async end(reason: string): Promise<void> {
    this.kill(reason)
    this.#options.child.process.ref()
    await this.#exited
  }

  #onMessage(message: HostMessage): void {
    if (this.isDown) return
    this.lastAnswerMs = performance.now()
    if (message.name === 'welcome') return this.#greeting.onWelcome(message)
    if (this.#greeting.isOpen) throw new ProtocolError(`${message.name} came before welcome`)
    switch (message.name) {
      case 'ack':
        return this.#onAck(message.id)
      case 'effect':
        return this.#onEffect(message)
      case 'result':
      case 'failed':
        return this.#onEnd(message)
      case 'results':
        return this.#onResults(message)
    }
  }

  /** The turn of the head is over. */
  #onAck(id: number): void {
    const { head } = this
    if (head === null || head.id !== id || !head.mayAck) {
      throw new ProtocolError(`ack for ${id}, which is not being done`)
    }
    this.#queue.shift()
    if (!head.mayWait) {
      head.state = 'over'
      if (head.kind === 'cancel') this.#finish(head.belongsTo!)
      head.onAck()
      return
    }
    head.state = 'waiting'
    this.#waiting.set(id, head)
    head.onAck()
    if (head.isCancelled) this.#sendCancel(head)
  }

  #onEnd(message: Message<'result' | 'failed'>): void {
    const { head } = this
    const isHead = head !== null && head.id === message.id && head.kind !== 'effectResult'
    const piece = isHead && !head.isAckOnly ? head : this.#waiting.get(message.id)
    if (piece === undefined) {
      throw new ProtocolError(`${message.name} for ${message.id}, which waits for nothing`)
    }
    if (piece === head) this.#queue.shift()
    const wasCancelled = piece.isCancelled
    // Its `cancel` is on the way: until that is done the id stays known.
    if (piece.isBeingCancelled) return
    this.#finish(piece)
    if (!wasCancelled) piece.onEnd?.(message)
  }

  #onResults({ id, text }: Message<'results'>): void {
    if (this.#options.takesTogether !== true) throw new ProtocolError('results came without calls')
    let before: Piece | null = null
    for (const line of linesOf(text)) {
      const { head } = this
      // One plugin cannot end the calls of another.
      const isNext =
        before === null ? head?.id === id : head?.group === before.group && before.group > 0
      if (head === null || head.kind !== 'call' || !isNext) {
        throw new ProtocolError(`results from ${id} on are more than calls have come`)
      }
      before = head
      // A failure among them is no result: it stays what it is, and is refused.
      const payload = isFinal(line) ? payloadOf(line) : line
      this.#onEnd({ name: 'result', id: head.id, payload })
      if (this.isDown) return
    }
  }

  #onEffect(message: Message<'effect'>): void {
    const { head } = this
    const isHead = head !== null && head.mayWait && head.id === message.call
    const piece = isHead ? head : this.#waiting.get(message.call)
    if (piece === undefined || this.#effects.has(message.id)) {
      throw new ProtocolError(`effect ${message.id} for ${message.call}, which cannot have it`)
    }
    if (piece.isCancelled) return
    piece.hasAsked = true
    this.#effects.set(message.id, piece)
    ;(piece.effects ??= new Set()).add(message.id)
    piece.onEffect?.(message)
  }

  #finish(piece: Piece): void {
    piece.state = 'over'
    this.#waiting.delete(piece.id)
    for (const id of piece.effects ?? []) this.#effects.delete(id)
    piece.effects = null
  }

  #sendCancel(piece: Piece): void {
    piece.isBeingCancelled = true
    const cancel = new Piece('cancel', null)
    cancel.belongsTo = piece
    this.send(cancel, { name: 'cancel', call: piece.id })
  }

  #takeId(): number {
    do {
      this.#nextId = this.#nextId === ID_MAX ? 1 : this.#nextId + 1
    } while (this.#waiting.has(this.#nextId))
    return this.#nextId
  }

  #down(reason: string): void {
    if (this.#isDown) return
    this.#isDown = true
    this.#channel.close()
    const told = this.#killReason ?? reason
    this.#greeting.fail(`the sandbox process ended: ${told}`)
    const pieces = this.#queue.toArray()
    const isUnsure = !this.#isBetween && this.#mayBeOneOf(pieces)
    const head = this.#isBetween || isUnsure ? null : (pieces.shift() ?? null)
    // What has asked for something has begun, whoever it was that ended the child.
    const queued = isUnsure ? pieces.filter(({ hasAsked }) => !hasAsked) : pieces
    this.#onDown({
      reason: told,
      head,
      isUnsure,
      queued,
      waiting: this.#waiting.values(),
    })
  }

  #mayBeOneOf(pieces: readonly Piece[]): boolean {
    if (this.#options.takesTogether !== true || pieces.length < 2) return false
    return pieces[0]!.kind === 'call' && pieces[1]!.kind === 'call'
  }
}
