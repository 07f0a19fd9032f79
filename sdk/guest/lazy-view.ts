import { type CallView, VIEW_PARTS } from '../index.ts'
import { defineProperty, jsonParse } from './primordials.ts'

/**
 * A view whose parts are parsed when they are looked at. Each belongs to one call, so a handler's own
 * changes are kept in it.
 */
class LazyView {
  readonly #lines: readonly string[]
  readonly #at: number
  /** By the place in `VIEW_PARTS`; what is not there has not been looked at. */
  readonly #parts: unknown[] = []

  /** `lines[at]` is the first of the lines of the view. */
  constructor(lines: readonly string[], at: number) {
    this.#lines = lines
    this.#at = at
  }

  static {
    for (let index = 0; index < VIEW_PARTS.length; index++) {
      defineProperty(LazyView.prototype, VIEW_PARTS[index]!, {
        get(this: LazyView): unknown {
          const part = this.#parts[index]
          if (part !== undefined) return part
          return (this.#parts[index] = jsonParse(this.#lines[this.#at + index]!))
        },
      })
    }
  }
}

export function toLazyView(lines: readonly string[], at: number): CallView {
  return new LazyView(lines, at) as unknown as CallView
}
