import type { ActiveCall } from './active-call.ts'
import type { ChildWatch } from './child-watch.ts'

export interface HeldCallsOptions {
  readonly watch: Pick<ChildWatch, 'mayBegin' | 'isScarce'>
  /** Whether there is a child that could be given a call. */
  readonly isReady: () => boolean
  readonly submit: (active: ActiveCall) => void
}

/** Calls that wait, in their order, until one more may begin. */
export class HeldCalls {
  readonly #options: HeldCallsOptions
  readonly #held = new Set<ActiveCall>()
  #isReleasing = false
  /** How many calls had to wait because the budget was used up. */
  throttledCount = 0

  constructor(options: HeldCallsOptions) {
    this.#options = options
  }

  /** Submits a call, now or when its turn comes: those that came before and wait are first. */
  submit(active: ActiveCall): void {
    const { watch, submit } = this.#options
    if (this.#held.size === 0 && watch.mayBegin()) {
      submit(active)
      return
    }
    this.#held.add(active)
    if (watch.isScarce) this.#throttle(active)
  }

  /** There may be some budget again, or one call less before the child. */
  release(): void {
    const { watch, isReady, submit } = this.#options
    if (this.#held.size === 0 || !isReady()) return
    for (const active of this.#held) {
      if (!watch.mayBegin()) break
      this.#held.delete(active)
      submit(active)
    }
    if (watch.isScarce) for (const active of this.#held) this.#throttle(active)
  }

  /** In a turn of its own: many may end at once. */
  releaseSoon(): void {
    if (this.#held.size === 0 || this.#isReleasing) return
    this.#isReleasing = true
    setImmediate(() => {
      this.#isReleasing = false
      this.release()
    })
  }

  forget(active: ActiveCall): void {
    this.#held.delete(active)
  }

  clear(): void {
    this.#held.clear()
  }

  #throttle(active: ActiveCall): void {
    if (active.isThrottled) return
    active.isThrottled = true
    this.throttledCount++
  }
}
