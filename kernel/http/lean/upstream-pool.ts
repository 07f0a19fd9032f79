import { type SendTarget, UpstreamFailure } from '../../exchange.ts'
import type { HttpLimits } from '../limits.ts'
import type { LeanSending, WaitingPlace } from './lean-sending.ts'
import { TimerEntry, type TimerWheel } from './timer-wheel.ts'
import type { Turn } from './turn.ts'
import { type ConnectionOwner, UpstreamConnection } from './upstream-connection.ts'

export interface PoolTools {
  readonly limits: HttpLimits
  readonly wheel: TimerWheel
  readonly turn: Turn
  readonly readBuffer: Buffer
}

/** How many there are; `connections` counts idle and busy ones and those being made. */
export interface PoolStats {
  readonly target: string
  readonly connections: number
  readonly idle: number
  readonly waiting: number
}

/**
 * The connections to one target. The one used last is used next, so that those which a quieter time
 * does not need grow idle and are closed. Over the limit of connections requests wait their turn.
 */
export class UpstreamPool implements ConnectionOwner, WaitingPlace {
  readonly target: SendTarget
  readonly limits: HttpLimits
  readonly wheel: TimerWheel
  readonly turn: Turn
  readonly readBuffer: Buffer
  session: Buffer | null = null
  /** Position in the order of use, kept by who has the pools. */
  usedAt = 0

  readonly #idle: UpstreamConnection[] = []
  readonly #all = new Set<UpstreamConnection>()
  /** In the order in which they came. */
  readonly #waiting = new Set<LeanSending>()
  #retired = false

  constructor(target: SendTarget, { limits, wheel, turn, readBuffer }: PoolTools) {
    this.target = target
    this.limits = limits
    this.wheel = wheel
    this.turn = turn
    this.readBuffer = readBuffer
  }

  get stats(): PoolStats {
    const { hostname, port, tlsName } = this.target
    return {
      target: `${hostname}:${port}${tlsName === null ? '' : ` (${tlsName})`}`,
      connections: this.#all.size,
      idle: this.#idle.length,
      waiting: this.#waiting.size,
    }
  }

  send(sending: LeanSending): void {
    const connection = this.#idle.pop()
    if (connection !== undefined) connection.send(sending)
    else this.#sendOnNew(sending)
  }

  /** Keeps no connections any more; what is under way goes on. */
  retire(): void {
    this.#retired = true
    for (const connection of this.#idle.slice()) connection.close()
  }

  /** Ends everything. */
  destroy(): void {
    this.#retired = true
    const failure = new UpstreamFailure('closed', 'the sender was closed', false)
    for (const sending of this.#waiting) this.#failWaiting(sending, failure)
    for (const connection of this.#all) connection.abandon(failure.message)
  }

  onFree(connection: UpstreamConnection): void {
    if (this.#waiting.size > 0) {
      connection.send(this.#takeWaiting())
    } else if (this.#retired || this.#idle.length >= this.limits.idleUpstreamConnectionsMax) {
      connection.close()
    } else {
      this.#idle.push(connection)
      connection.rest()
    }
  }

  onGone(connection: UpstreamConnection): void {
    this.#all.delete(connection)
    const at = this.#idle.lastIndexOf(connection)
    if (at !== -1) this.#idle.splice(at, 1)
    if (this.#waiting.size > 0) this.#open(this.#takeWaiting())
  }

  onRetry(sending: LeanSending): void {
    sending.writeHead(this.turn)
    this.#sendOnNew(sending)
  }

  onWaitingCancelled(sending: LeanSending): void {
    this.#leaveWaiting(sending)
  }

  #sendOnNew(sending: LeanSending): void {
    if (this.#all.size < this.limits.upstreamConnectionsMax) this.#open(sending)
    else this.#wait(sending)
  }

  #open(sending: LeanSending): void {
    sending.keepHead()
    this.#all.add(new UpstreamConnection(this, sending))
  }

  #wait(sending: LeanSending): void {
    const { queuedRequestsMax, upstreamQueueMs } = this.limits
    if (this.#waiting.size >= queuedRequestsMax) {
      const message = `${queuedRequestsMax} requests already wait for a connection`
      sending.refuse(new UpstreamFailure('queue', message, false))
      return
    }
    sending.keepHead()
    this.#waiting.add(sending)
    sending.waitingPlace = this
    sending.waitingTimer = new TimerEntry(() => {
      const message = `no connection was free for ${upstreamQueueMs} ms`
      this.#failWaiting(sending, new UpstreamFailure('queue', message, false))
    })
    this.wheel.arm(sending.waitingTimer, upstreamQueueMs)
  }

  #failWaiting(sending: LeanSending, failure: UpstreamFailure): void {
    this.#leaveWaiting(sending)
    sending.onFailure(failure)
  }

  #takeWaiting(): LeanSending {
    const sending = this.#waiting.values().next().value!
    this.#leaveWaiting(sending)
    return sending
  }

  #leaveWaiting(sending: LeanSending): void {
    this.#waiting.delete(sending)
    this.wheel.disarm(sending.waitingTimer!)
    sending.waitingPlace = sending.waitingTimer = null
  }
}
