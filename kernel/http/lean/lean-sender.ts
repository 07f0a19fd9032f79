import type {
  AnswerReceiver,
  SendTarget,
  Sending,
  UpstreamRequest,
  UpstreamSender,
} from '../../exchange.ts'
import { UpstreamFailure } from '../../exchange.ts'
import type { HttpLimits } from '../limits.ts'
import { LeanSending } from './lean-sending.ts'
import { SHARED_READ_BYTES } from './read-memory.ts'
import { TimerWheel } from './timer-wheel.ts'
import { Turn } from './turn.ts'
import { type PoolStats, type PoolTools, UpstreamPool } from './upstream-pool.ts'

/**
 * A sender over node:net and node:tls: HTTP/1.1 with one request at a time on a connection, and
 * connections kept for a target. Without a wheel and a turn it has its own.
 */
export function createLeanSender(options: LeanSenderOptions): LeanSender {
  return new LeanSender(options)
}

export interface LeanSenderOptions {
  readonly limits: HttpLimits
  readonly wheel?: TimerWheel
  readonly turn?: Turn
}

export class LeanSender implements UpstreamSender {
  readonly #tools: PoolTools
  readonly #ownWheel: TimerWheel | null
  readonly #pools = new Map<string, UpstreamPool>()
  /** Most requests go where the one before went. */
  #last: UpstreamPool | null = null
  #uses = 0
  #closed = false

  constructor({ limits, wheel, turn }: LeanSenderOptions) {
    this.#ownWheel = wheel === undefined ? new TimerWheel() : null
    this.#tools = {
      limits,
      wheel: wheel ?? this.#ownWheel!,
      turn: turn ?? new Turn(),
      readBuffer: Buffer.allocUnsafeSlow(SHARED_READ_BYTES),
    }
  }

  send(request: UpstreamRequest, receiver: AnswerReceiver): Sending {
    if (request.body?.started === true) {
      throw new Error('a request body that began to flow cannot be sent again')
    }
    const sending = new LeanSending(request, receiver, this.#tools.limits.answerBacklogBytesMax)
    try {
      sending.writeHead(this.#tools.turn)
    } catch (error) {
      return sending.refuse(error as Error)
    }
    if (this.#closed) {
      return sending.refuse(new UpstreamFailure('closed', 'the sender was closed', false))
    }
    const pool = this.#poolOf(request.target)
    pool.usedAt = ++this.#uses
    pool.send(sending)
    return sending
  }

  /** How the pools stand, for metrics and tests. */
  stats(): PoolStats[] {
    return [...this.#pools.values()].map((pool) => pool.stats)
  }

  /** What is under way fails. */
  async close(): Promise<void> {
    this.#closed = true
    for (const pool of this.#pools.values()) pool.destroy()
    this.#pools.clear()
    this.#last = null
    this.#ownWheel?.close()
  }

  #poolOf(target: SendTarget): UpstreamPool {
    const last = this.#last
    if (last !== null && isSame(last.target, target)) return last
    const { hostname, port, tlsName } = target
    const key = `${hostname} ${port} ${tlsName ?? ''}`
    this.#last = this.#pools.get(key) ?? this.#addPool(key, target)
    return this.#last
  }

  #addPool(key: string, target: SendTarget): UpstreamPool {
    if (this.#pools.size >= this.#tools.limits.upstreamPoolsMax) this.#dropOldestPool()
    const { scheme, hostname, port, tlsName } = target
    const pool = new UpstreamPool({ scheme, hostname, port, tlsName }, this.#tools)
    this.#pools.set(key, pool)
    return pool
  }

  /** Its requests are finished, its idle connections closed. */
  #dropOldestPool(): void {
    let oldest: [string, UpstreamPool] | null = null
    for (const entry of this.#pools) {
      if (oldest === null || entry[1].usedAt < oldest[1].usedAt) oldest = entry
    }
    if (oldest === null) return
    this.#pools.delete(oldest[0])
    oldest[1].retire()
  }
}

function isSame(one: SendTarget, other: SendTarget): boolean {
  return one.port === other.port && one.hostname === other.hostname && one.tlsName === other.tlsName
}
