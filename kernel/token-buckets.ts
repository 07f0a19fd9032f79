import { LRUCache } from 'lru-cache'

/** Beyond it the bucket that was not touched for the longest time is forgotten, which fills it. */
const BUCKETS_MAX = 10_000

interface Bucket {
  level: number
  atMs: number
}

/**
 * Buckets that fill by themselves and from which is taken what was used. Taking is never refused: the
 * level tells, and whoever sees that it is not above zero waits. A debt is at most one whole bucket, so
 * nobody waits for longer than a bucket takes to fill. `nowMs` is a monotonic clock.
 */
export class TokenBuckets {
  readonly #buckets = new LRUCache<string, Bucket>({ max: BUCKETS_MAX })
  readonly #nowMs: () => number

  constructor(nowMs: () => number = () => performance.now()) {
    this.#nowMs = nowMs
  }

  /** Takes `amount` from a bucket of `size` that fills in `fillMs`; tells what is left. */
  spend(key: string, amount: number, { size, fillMs }: BucketForm): number {
    const nowMs = this.#nowMs()
    const before = this.#buckets.get(key) ?? { level: size, atMs: nowMs }
    const filled = Math.min(size, before.level + ((nowMs - before.atMs) / fillMs) * size)
    const level = Math.max(-size, filled - amount)
    this.#buckets.set(key, { level, atMs: nowMs })
    return level
  }
}

export interface BucketForm {
  readonly size: number
  readonly fillMs: number
}
