import { setImmediate as nextTurn } from 'node:timers/promises'

/** Leaves room below the 10 ms that building may hold an event loop at a stretch. */
const SLICE_MS = 5

/**
 * Lets long work on a busy event loop breathe: `await slices.breathe()` in the loop returns at once
 * until the slice is used up, then lets everything else run first.
 */
export class TimeSlices {
  #sliceEndsAtMs = performance.now() + SLICE_MS

  /** Null when there is time left, so that a loop of small steps does not wait for promises. */
  breathe(): Promise<void> | null {
    return performance.now() < this.#sliceEndsAtMs ? null : this.#pause()
  }

  async #pause(): Promise<void> {
    await nextTurn()
    this.#sliceEndsAtMs = performance.now() + SLICE_MS
  }
}
