/**
 * What one turn of the event loop brings, done together at its end, as long as turns bring several. A worker
 * under load looks at the sockets of many requests in one turn; to cross into a sandbox for each of them
 * costs more than what is done there.
 */
export class LoopTurn {
  readonly #atEnd: () => void
  readonly #togetherMin: number
  #count = 0
  /** Whether the last turn brought several. */
  #isCrowded = false
  #isBegun = false
  #isAwaited = false
  readonly #end = (): void => {
    this.#isBegun = false
    this.#isCrowded = this.#count >= this.#togetherMin
    this.#count = 0
    if (!this.#isAwaited) return
    this.#isAwaited = false
    this.#atEnd()
  }

  /** `togetherMin`: what comes in a turn waits for its end when the turn before brought so many. */
  constructor(togetherMin: number, atEnd: () => void) {
    this.#togetherMin = togetherMin
    this.#atEnd = atEnd
  }

  /** Whether what comes now waits for `atEnd`. Who is alone does not. */
  waits(): boolean {
    this.#count++
    if (!this.#isBegun) {
      this.#isBegun = true
      // Comes when there is nothing more to read, before anything is waited for.
      setImmediate(this.#end)
    }
    if (this.#isCrowded) this.#isAwaited = true
    return this.#isCrowded
  }
}
