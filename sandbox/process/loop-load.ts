import { type EventLoopUtilization, performance } from 'node:perf_hooks'

/** A look takes a microsecond, and a shorter time says little. */
const LOOK_MS = 25
/** Beyond it, who comes waits for a turn more often than not; half of the capacity of a worker is below it. */
const CROWDED_SHARE = 0.7
/** Where it begins when the loop becomes crowded, and from where on it is no bound any more. */
const HEADROOM_FIRST = 8
const HEADROOM_MAX = 16
/** Found by slow steps, and left by fast ones, as in any control of congestion: all at once comes back as a wave. */
const GROWTH = 1.25
const CUT = 0.5

/** How busy the event loop of this thread has been of late, as what it can do for one tenant. */
export class LoopLoad {
  readonly #usage: () => EventLoopUtilization
  readonly #nowMs: () => number
  #before: EventLoopUtilization
  #lookedAtMs: number
  #headroom = Number.POSITIVE_INFINITY

  constructor(
    usage: () => EventLoopUtilization = () => performance.eventLoopUtilization(),
    nowMs: () => number = () => performance.now(),
  ) {
    this.#usage = usage
    this.#nowMs = nowMs
    this.#before = usage()
    this.#lookedAtMs = nowMs()
  }

  /** How many times what it has for good a tenant may take now, from 1; infinite while there is time to spare. */
  get headroom(): number {
    const nowMs = this.#nowMs()
    if (nowMs - this.#lookedAtMs >= LOOK_MS) this.#look(nowMs)
    return this.#headroom
  }

  #look(nowMs: number): void {
    const now = this.#usage()
    const active = now.active - this.#before.active
    const share = active / (active + now.idle - this.#before.idle)
    this.#before = now
    this.#lookedAtMs = nowMs
    if (share > CROWDED_SHARE) {
      this.#headroom = Math.max(1, Math.min(HEADROOM_FIRST, this.#headroom * CUT))
    } else {
      this.#headroom *= GROWTH
      if (this.#headroom > HEADROOM_MAX) this.#headroom = Number.POSITIVE_INFINITY
    }
  }
}

/** Of this worker. */
export const loopLoad = new LoopLoad()
