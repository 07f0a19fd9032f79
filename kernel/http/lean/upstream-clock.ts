import { UpstreamFailure, type UpstreamFailureKind } from '../../exchange.ts'
import type { HttpLimits } from '../limits.ts'
import type { LeanSending } from './lean-sending.ts'
import { TimerEntry, type TimerWheel } from './timer-wheel.ts'

/** What an upstream connection is waiting for. */
export type Timing = 'connect' | 'write' | 'read' | 'idle'

/** The deadlines of an upstream connection: one entry of the wheel, since one matters at a time. */
export class UpstreamClock {
  timing: Timing = 'connect'
  readonly #wheel: TimerWheel
  readonly #totalMs: number
  readonly #entry: TimerEntry
  #beganMs = 0

  constructor(wheel: TimerWheel, limits: HttpLimits, onTimeout: () => void) {
    this.#wheel = wheel
    this.#totalMs = limits.upstreamTotalMs
    this.#entry = new TimerEntry(onTimeout)
  }

  arm(timing: Timing, delayMs: number): void {
    this.timing = timing
    this.#wheel.arm(this.#entry, delayMs)
  }

  stop(): void {
    this.#wheel.disarm(this.#entry)
  }

  /** A request begins: the time for all of it as well. */
  begin(): void {
    this.#beganMs = this.#wheel.nowMs
  }

  /** To be asked when something has arrived: no timer of its own, since silence has one. */
  get overdue(): boolean {
    return this.#wheel.nowMs - this.#beganMs > this.#totalMs
  }

  /** Why the request under way fails when the time is up. */
  toFailure({ request: { timeouts }, sent }: LeanSending): UpstreamFailure {
    const [kind, message] = describe(this.timing, timeouts)
    return new UpstreamFailure(kind, message, sent)
  }

  totalFailure(sent: boolean): UpstreamFailure {
    const message = `the answer was not complete within ${this.#totalMs} ms`
    return new UpstreamFailure('total-timeout', message, sent)
  }
}

function describe(
  timing: Timing,
  { connectMs, writeMs, readMs }: LeanSending['request']['timeouts'],
): [UpstreamFailureKind, string] {
  if (timing === 'connect') return ['connect-timeout', `no connection in ${connectMs} ms`]
  if (timing === 'read') return ['read-timeout', `the upstream said nothing for ${readMs} ms`]
  return ['write-timeout', `the upstream took nothing for ${writeMs} ms`]
}
