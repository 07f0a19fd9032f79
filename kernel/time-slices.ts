import { setImmediate as nextTurn } from 'node:timers/promises'
import { collectYoung } from './young-collection.ts'

/** Leaves room below the 10 ms that building may hold an event loop at a stretch. */
const SLICE_MS = 3

/**
 * Lets long work on a busy event loop breathe: when a slice is used up, everything else runs first.
 * What is built stays, so that the collector would copy all that has come together in one go: it gets
 * its turn after each slice.
 */
export class TimeSlices {
  #sliceEndsAtMs = performance.now() + SLICE_MS

  /** Does the work for each of them; small steps do not wait for promises. */
  async over<T>(items: Iterable<T>, work: (item: T) => void): Promise<void> {
    for (const item of items) {
      work(item)
      if (performance.now() >= this.#sliceEndsAtMs) await this.#pause()
    }
  }

  async #pause(): Promise<void> {
    await nextTurn()
    collectYoung()
    await nextTurn()
    this.#sliceEndsAtMs = performance.now() + SLICE_MS
  }
}
