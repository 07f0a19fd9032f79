import { type CallView, VIEW_PARTS } from '../index.ts'
import { charCodeAt, defineProperty, indexOf, jsonParse, slice } from './primordials.ts'

const LETTER_N = 0x6e

/**
 * A view whose parts are found and parsed when they are looked at. Each belongs to one call, so a handler's
 * own changes are kept in it.
 */
class LazyView {
  readonly #text: string
  readonly #viewAt: number
  readonly #end: number
  /** Where the line of some part begins: that of a later one is looked for from there. */
  #index = 0
  #at: number
  /** By the place in `VIEW_PARTS`; what is not there has not been looked at. */
  readonly #parts: unknown[] = []

  constructor(text: string, at: number, end: number) {
    this.#text = text
    this.#viewAt = at
    this.#at = at
    this.#end = end
  }

  static {
    for (let index = 0; index < VIEW_PARTS.length; index++) {
      defineProperty(LazyView.prototype, VIEW_PARTS[index]!, {
        get(this: LazyView): unknown {
          const part = this.#parts[index]
          return part === undefined ? (this.#parts[index] = this.#read(index)) : part
        },
      })
    }
  }

  #read(index: number): unknown {
    const text = this.#text
    const isLater = index >= this.#index
    let at = isLater ? this.#at : this.#viewAt
    for (let line = isLater ? this.#index : 0; line < index; line++) {
      at = indexOf(text, '\n', at) + 1
    }
    this.#index = index
    this.#at = at
    if (charCodeAt(text, at) === LETTER_N) return null
    const end = index === VIEW_PARTS.length - 1 ? this.#end : indexOf(text, '\n', at)
    return jsonParse(slice(text, at, end))
  }
}

/** The view whose lines are from `at` to `end`. */
export function toLazyView(text: string, at: number, end: number): CallView {
  return new LazyView(text, at, end) as unknown as CallView
}
