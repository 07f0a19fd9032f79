import type { GatewayMessage, Message } from '@sallyport/sdk/protocol'

/** A message of work, before it has an id. */
export type WorkMessage = WithoutId<Exclude<GatewayMessage, { name: 'hello' | 'effectResult' }>>
type WithoutId<M> = M extends unknown ? Omit<M, 'id'> : never

/** Those of `calls` and `follow` are pieces of kind `call`: only that may wait. */
export type PieceKind = Exclude<GatewayMessage['name'], 'hello' | 'calls' | 'follow'>

export interface PieceEvents {
  onEnd?(message: Message<'result' | 'failed'>): void
  onEffect?(message: Message<'effect'>): void
  onAck?(): void
}

/** Kinds that end by `ack` and by nothing else. */
const ACK_ONLY: ReadonlySet<PieceKind> = new Set(['effectResult', 'cancel', 'ping'])
/** Kinds whose turn may be over before they are: they wait for an effect. */
const MAY_WAIT: ReadonlySet<PieceKind> = new Set(['call', 'configure', 'close'])

/** One piece of work that a child was given. */
export class Piece {
  readonly kind: PieceKind
  readonly #events: PieceEvents | null
  id = 0
  /** What it has in common with the calls of its frame; 0 when there are no others. */
  group = 0
  /** `queued` includes being done: only its order tells which one that is. */
  state: 'queued' | 'waiting' | 'over' = 'queued'
  /** Nobody is interested in its end any more. */
  isCancelled = false
  /** Effects of it that have not been answered, by their ids. Made when there is one. */
  effects: Set<number> | null = null
  /** An effect of it was received: to do it again might be to do that twice. */
  hasAsked = false
  /** Its `cancel` was sent and has not been answered. */
  isBeingCancelled = false
  /** The call of an `effectResult` or `cancel`. */
  belongsTo: Piece | null = null

  constructor(kind: PieceKind, events: PieceEvents | null) {
    this.kind = kind
    this.#events = events
  }

  get isAckOnly(): boolean {
    return ACK_ONLY.has(this.kind)
  }

  get mayWait(): boolean {
    return MAY_WAIT.has(this.kind)
  }

  get mayAck(): boolean {
    return this.isAckOnly || this.mayWait
  }

  onEnd(message: Message<'result' | 'failed'>): void {
    this.#events?.onEnd?.(message)
  }

  onEffect(message: Message<'effect'>): void {
    this.#events?.onEffect?.(message)
  }

  onAck(): void {
    this.#events?.onAck?.()
  }
}
