import { type BucketForm, TokenBuckets } from './token-buckets.ts'

/**
 * The counters port: what has to be counted over all workers of a node. A worker reaches the
 * primary's counters through its channel (`process/worker-counters.ts`); who embeds a gateway uses
 * `createLocalCounters`.
 */
export interface Counters {
  /**
   * Adds to a counter and tells the total in the window that ends now, over all workers of this node.
   * Keys are written `owner:what`, like `strikes:plugin:hello`: one owner's keys never push out
   * another's. An amount leaves the total between one and 1.1 windows after it was added, so a total
   * may be too high for that long, never too low.
   * Throws a `RangeError` for a key without an owner and for a window below 10 ms.
   */
  add(key: string, amount: number, windowMs: number): Promise<number>
  /**
   * Takes what was used from a bucket of the node that fills by itself, and tells what is left: below
   * zero when more was used than there was. Nothing is refused, so the node's use exceeds the bucket
   * by at most what its workers use between two reports.
   */
  spend(key: string, amount: number, bucket: BucketForm): Promise<number>
}

export interface CounterLimits {
  /** Beyond it the key that was not touched for the longest time is forgotten. 10,000: about 3 MB. */
  readonly keysPerOwnerMax: number
  /** Owners are parts of the gateway and its plugins, not clients: 256 is plenty. */
  readonly ownersMax: number
}

const COUNTER_LIMITS: CounterLimits = { keysPerOwnerMax: 10_000, ownersMax: 256 }

/** A window is counted in this many slices; one more is kept, so that a whole window is covered. */
const SLICES = 10
const WINDOW_MS_MIN = 10

interface Counter {
  readonly sliceMs: number
  /** Amounts of the last SLICES + 1 slices, by slice number modulo their count. */
  readonly slices: number[]
  /** Number of the slice that was written last. */
  slice: number
}

/**
 * Counters in the memory of one process. `nowMs` is a monotonic clock. Keys that have run out are
 * freed while others are added, so an idle table keeps at most what its limits allow.
 */
export class CounterTable {
  readonly #owners = new Map<string, Map<string, Counter>>()
  readonly #limits: CounterLimits
  readonly #nowMs: () => number

  constructor(
    limits: CounterLimits = COUNTER_LIMITS,
    nowMs: () => number = () => performance.now(),
  ) {
    this.#limits = limits
    this.#nowMs = nowMs
  }

  /** How many keys are kept. */
  get size(): number {
    let size = 0
    for (const keys of this.#owners.values()) size += keys.size
    return size
  }

  add(key: string, amount: number, windowMs: number): number {
    const keys = this.#keysOf(ownerOf(key))
    const sliceMs = toSliceMs(windowMs)
    const slice = Math.floor(this.#nowMs() / sliceMs)
    let counter = keys.get(key)
    if (counter === undefined || counter.sliceMs !== sliceMs) {
      counter = { sliceMs, slices: Array.from({ length: SLICES + 1 }, () => 0), slice }
    }
    // A map keeps the order of insertion: putting the key back makes it the youngest.
    keys.delete(key)
    keys.set(key, counter)
    this.#free(keys)
    advance(counter, slice)
    counter.slices[slice % (SLICES + 1)]! += amount
    let total = 0
    for (const value of counter.slices) total += value
    return total
  }

  #keysOf(owner: string): Map<string, Counter> {
    const keys = this.#owners.get(owner) ?? new Map<string, Counter>()
    this.#owners.delete(owner)
    this.#owners.set(owner, keys)
    if (this.#owners.size > this.#limits.ownersMax) {
      this.#owners.delete(this.#owners.keys().next().value!)
    }
    return keys
  }

  /** Looks at the two oldest keys only: each add frees more than it makes, and none takes long. */
  #free(keys: Map<string, Counter>): void {
    const nowMs = this.#nowMs()
    let looked = 0
    for (const [key, counter] of keys) {
      const over = Math.floor(nowMs / counter.sliceMs) - counter.slice > SLICES
      if (over || keys.size > this.#limits.keysPerOwnerMax) keys.delete(key)
      looked += 1
      if (looked === 2) return
    }
  }
}

/** Counters of one process that stands alone. */
export function createLocalCounters(table: CounterTable = new CounterTable()): Counters {
  const buckets = new TokenBuckets()
  return {
    spend: (key, amount, bucket) => Promise.resolve(buckets.spend(key, amount, bucket)),
    add: (key, amount, windowMs) =>
      new Promise((resolve) => resolve(table.add(key, amount, windowMs))),
  }
}

function ownerOf(key: string): string {
  const end = key.indexOf(':')
  if (end < 1) {
    throw new RangeError(`counter key: expected "owner:what", got ${JSON.stringify(key)}`)
  }
  return key.slice(0, end)
}

function toSliceMs(windowMs: number): number {
  if (!(windowMs >= WINDOW_MS_MIN) || windowMs === Infinity) {
    throw new RangeError(`counter window: expected ${WINDOW_MS_MIN} ms or more, got ${windowMs}`)
  }
  return windowMs / SLICES
}

/** Empties the slices that have passed since the counter was last written. */
function advance(counter: Counter, slice: number): void {
  const passed = Math.min(slice - counter.slice, SLICES + 1)
  for (let step = 1; step <= passed; step += 1) {
    counter.slices[(counter.slice + step) % (SLICES + 1)] = 0
  }
  counter.slice = slice
}
