/** How often the observer's timer is due. */
export const PROBE_MS = 5

/** What the observer in the worker tells of the time since it was asked last. */
export interface Observation {
  readonly pid: number
  /** The most CPU that the main thread has burnt while the event loop was held. */
  readonly longestCpuMs: number
  /** Firings of its timer: a probe that did not run has seen nothing. */
  readonly beats: number
  readonly rssBytes: number
  /** Properties of the language's prototypes that were not there at the start. */
  readonly newKeys: readonly string[]
}
