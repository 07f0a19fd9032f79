/** What is not over yet: a promise, or something lighter that can be waited for in the same way. */
export type Pending = Promise<void> | Waiting

/**
 * A promise without the machinery: one waits for it, who is called as soon as it is settled, from
 * within that call. What every request has to wait for (the upstream, the last byte of the answer) is
 * told this way; promises would be a tenth of what a request costs.
 */
export class Waiting {
  #state: 'open' | 'settled' | 'failed' = 'open'
  #error: unknown = null
  #resume: (() => void) | null = null
  #fail: ((error: unknown) => void) | null = null

  get open(): boolean {
    return this.#state === 'open'
  }

  // oxlint-disable-next-line unicorn/no-thenable -- so that `await` and a chain of stages treat it alike
  then(resume: () => void, fail: (error: unknown) => void): void {
    if (this.#state === 'settled') resume()
    else if (this.#state === 'failed') fail(this.#error)
    else {
      this.#resume = resume
      this.#fail = fail
    }
  }

  /** The first of these two calls counts. */
  settle(): void {
    if (this.#state !== 'open') return
    this.#state = 'settled'
    this.#resume?.()
  }

  fail(error: unknown): void {
    if (this.#state !== 'open') return
    this.#state = 'failed'
    this.#error = error
    this.#fail?.(error)
  }
}
