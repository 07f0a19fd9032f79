import { childrenOf, isSandbox, peakRssBytes } from './gateway-tree.ts'

/** Often enough that a child's peak is seen before it is killed for it. */
const SAMPLE_MS = 10

/** Looks at the sandboxes of a worker until it is stopped. */
export class MemoryWatch {
  readonly #timer: NodeJS.Timeout
  /** Every sandbox that was seen, also those that are gone. */
  readonly seen = new Set<number>()
  peakBytes = 0

  constructor(workerPid: number) {
    const look = (): void => {
      for (const pid of childrenOf(workerPid)) {
        if (!this.seen.has(pid) && !isSandbox(pid)) continue
        this.seen.add(pid)
        this.peakBytes = Math.max(this.peakBytes, peakRssBytes(pid))
      }
    }
    look()
    this.#timer = setInterval(look, SAMPLE_MS)
  }

  stop(): void {
    clearInterval(this.#timer)
  }
}
