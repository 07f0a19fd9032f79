import { setImmediate as nextTurn } from 'node:timers/promises'
import { collectYoung } from './young-collection.ts'

/** Leaves room below the 10 ms that building may hold an event loop at a stretch. */
const SLICE_MS = 3

/**
 * Lets long work on a busy event loop breathe: `await slices.breathe()` in the loop returns at once
 * until the slice is used up, then lets everything else run first. What is built stays, so that the
 * collector would copy all that has come together in one go: it gets its turn after each slice.
 */
export class TimeSlices {
  #sliceEndsAtMs = performance.now() + SLICE_MS

  /** Null when there is time left, so that a loop of small steps does not wait for promises. */
  breathe(): Promise<void> | null {
    return performance.now() < this.#sliceEndsAtMs ? null : this.#pause()
  }

  async #pause(): Promise<void> {
    await nextTurn()
    collectYoung()
    await nextTurn()
    this.#sliceEndsAtMs = performance.now() + SLICE_MS
  }
}
