import type { HostCall } from '../../kernel/plugin-host.ts'
import { type Message, ProtocolError } from '@sallyport/sdk/protocol'
import type { SandboxLimits } from '../limits.ts'
import { Piece, type PieceEvents } from './piece.ts'
import type { SandboxProcess } from './sandbox-process.ts'

type End = Message<'result' | 'failed'>
/** What comes before the turn is held to what may come in it. */
type KeptLimits = Pick<SandboxLimits, 'effectsTotalMax' | 'effectBytesTotalMax'>

/**
 * A call that was sent right behind another, before anybody knew whether its turn would come. What comes
 * of it is kept until it is claimed.
 */
export class Follower {
  readonly piece: Piece
  readonly process: SandboxProcess
  readonly #limits: KeptLimits
  readonly #effects: Message<'effect'>[] = []
  #keptLength = 0
  #end: End | null = null
  #events: PieceEvents | null = null

  /** `onEnd` sees the end when it comes, claimed or not. */
  constructor(process: SandboxProcess, limits: KeptLimits, onEnd: (end: End) => void) {
    this.process = process
    this.#limits = limits
    this.piece = new Piece('call', {
      onEnd: (end) => {
        onEnd(end)
        if (this.#events === null) this.#end = end
        else this.#events.onEnd?.(end)
      },
      onEffect: (effect) => {
        if (this.#events === null) this.#keep(effect)
        else this.#events.onEffect?.(effect)
      },
      onAck: () => this.#events?.onAck?.(),
    })
  }

  /** Whether it has been done, or still can be, in the view that it was sent for. */
  get isOfUse(): boolean {
    if (this.#end === null) return !this.process.isDown
    return this.#end.name === 'result' || this.#end.kind !== 'skipped'
  }

  /** Its turn has come: what has come of it already is told at once, the rest when it comes. */
  claim(events: PieceEvents): void {
    this.#events = events
    for (const effect of this.#effects.splice(0)) events.onEffect?.(effect)
    if (this.#end !== null) events.onEnd?.(this.#end)
  }

  /** Its call is claimed within the turn that brings the end before it: what comes until then is little. */
  #keep(effect: Message<'effect'>): void {
    this.#effects.push(effect)
    this.#keptLength += (effect.args as string).length
    const { effectsTotalMax, effectBytesTotalMax } = this.#limits
    if (this.#effects.length > effectsTotalMax || this.#keptLength > effectBytesTotalMax) {
      throw new ProtocolError('a call asks for more than can be before its turn has come')
    }
  }

  /** Its turn will not come. */
  drop(): void {
    if (!this.process.isDown) this.process.cancel(this.piece)
  }
}

/** The followers of a host by their calls. */
export class Followers {
  readonly #byCall = new WeakMap<HostCall, Follower>()
  readonly #limits: KeptLimits
  readonly #onEnd: (process: SandboxProcess, piece: Piece, end: End) => void

  /** `onEnd` sees every end when it comes. */
  constructor(
    limits: KeptLimits,
    onEnd: (process: SandboxProcess, piece: Piece, end: End) => void,
  ) {
    this.#limits = limits
    this.#onEnd = onEnd
  }

  /** Sends a call for the case that its turn comes, in the view of the one sent before it. */
  send(process: SandboxProcess, call: HostCall): void {
    this.drop(call)
    const follower = new Follower(process, this.#limits, (end) =>
      this.#onEnd(process, follower.piece, end),
    )
    process.send(follower.piece, {
      name: 'follow',
      instanceKey: call.instanceKey,
      timeoutMs: Math.ceil(call.timeoutMs),
      plugin: call.pluginContextText(),
    })
    this.#byCall.set(call, follower)
  }

  /** The follower of a call whose turn has come; null when the call must be sent with a view. */
  take(call: HostCall): Follower | null {
    const follower = this.#byCall.get(call)
    if (follower === undefined) return null
    this.#byCall.delete(call)
    return follower.isOfUse ? follower : null
  }

  drop(call: HostCall): void {
    this.#byCall.get(call)?.drop()
    this.#byCall.delete(call)
  }
}
