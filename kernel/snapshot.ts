import type { Entities } from './config/entities.ts'

/**
 * A configuration as data: numbered, immutable, serialisable. The primary makes it, each worker
 * compiles it.
 */
export interface Snapshot {
  /** Counts up with every change of this node's configuration. */
  readonly version: number
  /** Of the configuration's content: equal hashes mean equal behaviour. */
  readonly hash: string
  readonly entities: Entities
}
