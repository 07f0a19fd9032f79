import type { Message } from '@sallyport/sdk/protocol'

/** Who is to blame for an end is not known among them. */
export const GROUP_CALLS_MAX = 16
/**
 * UTF-16 units, each up to three bytes: together no longer than what a child reads at once, and always
 * less than a frame may be. A longer call goes alone.
 */
const LENGTH_MAX = 20_000

/** Calls of one plugin, one right behind the other, that cross together: in one frame, or in one call of an isolate. */
export class CallGroup {
  #plugin = ''
  /** Of the first call. */
  #id = 0
  #text = ''
  #count = 0
  #number = 0

  takes(plugin: string, text: string): boolean {
    if (text.length > LENGTH_MAX) return false
    if (this.#count === 0) return true
    const isFull = this.#count === GROUP_CALLS_MAX || this.#text.length + text.length > LENGTH_MAX
    return !isFull && plugin === this.#plugin
  }

  /** The number of the group, which no other one has. */
  add(plugin: string, id: number, text: string): number {
    if (this.#count === 0) {
      this.#number++
      this.#plugin = plugin
      this.#id = id
      this.#text = text
    } else this.#text += `\n${text}`
    this.#count++
    return this.#number
  }

  /** The frame's message, and nothing is left; null when there is none. */
  take(): Message<'calls'> | null {
    if (this.#count === 0) return null
    this.#count = 0
    return { name: 'calls', id: this.#id, text: this.#text }
  }
}
