import type { PluginLimits } from '../plugin-limits.ts'
import type { Namespace } from './namespace.ts'

/** Where the values of plugins are kept: in the memory of each worker, or in one file for all. */
export type PluginStoreSetting = 'memory' | { readonly path: string }

/**
 * Values of plugins that stay. Namespaces never see each other and have a share each, which is checked
 * in the same transaction that writes. Values are JSON. Times are milliseconds since 1970.
 * All reject with `PdkError`: `LIMIT` for a full share, `STORE_FAILED` when the store is unusable.
 */
export interface PluginStore {
  get(namespace: Namespace, key: string): Promise<string | null>
  /** Whether it was written: with `ifAbsent` a value that is there stays. */
  set(namespace: Namespace, key: string, entry: StoreEntry): Promise<boolean>
  /** Adds to a number; `BAD_ARGUMENT` when there is something else. Gives the sum. */
  add(namespace: Namespace, key: string, addition: StoreAddition): Promise<number>
  delete(namespace: Namespace, key: string): Promise<boolean>
  /** Keys that begin with `prefix` and come behind `after`, in the order of their code points. */
  list(namespace: Namespace, range: StoreRange): Promise<string[]>
  close(): void
}

/** What the owner of a namespace may keep. */
export type ShareLimits = Pick<PluginLimits, 'storeKeysMax' | 'storeBytesMax'>

export interface StoreEntry {
  readonly json: string
  readonly expiresAtMs: number | null
  readonly ifAbsent: boolean
  readonly limits: ShareLimits
}

export interface StoreAddition {
  readonly amount: number
  /** For a number that was not there; one that was keeps its time. */
  readonly expiresAtMs: number | null
  readonly limits: ShareLimits
}

export interface StoreRange {
  readonly prefix: string
  readonly after: string
  readonly limit: number
}
