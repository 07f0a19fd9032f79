/** A text that comes in parts, of which the last one tells that it is whole. */
export class Parts {
  readonly #lengthMax: number
  #text = ''
  #isOver = false

  /** Of a longer text nothing is kept. */
  constructor(lengthMax: number) {
    this.#lengthMax = lengthMax
  }

  add(part: string): void {
    this.#isOver ||= this.#text.length + part.length > this.#lengthMax
    this.#text = this.#isOver ? '' : this.#text + part
  }

  /** The whole text, which is forgotten; empty when it was too long, which is none that anybody sends. */
  take(last: string): string {
    if (this.#text === '' && !this.#isOver) return last
    const text = this.#isOver ? '' : this.#text + last
    this.#text = ''
    this.#isOver = false
    return text
  }
}
