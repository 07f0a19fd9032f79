import type { RemoteLimits } from './remote-limits.ts'

/** Pauses between tries, which grow with the failures in a row. */
export class BackOff {
  readonly #limits: RemoteLimits
  #end: (() => void) | null = null
  /** In a row, without a connection that lasted. */
  failures = 0

  constructor(limits: RemoteLimits) {
    this.#limits = limits
  }

  /** Keeps no process alive. */
  pause(ms: number = this.#pauseMs()): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(() => this.endPause(), ms)
      timer.unref()
      this.#end = () => {
        clearTimeout(timer)
        resolve()
      }
    })
  }

  /** Whoever pauses goes on at once. */
  endPause(): void {
    this.#end?.()
    this.#end = null
  }

  #pauseMs(): number {
    const { backOffMs, backOffMsMax } = this.#limits
    return Math.min(backOffMs * 2 ** Math.min(this.failures - 1, 20), backOffMsMax)
  }
}
