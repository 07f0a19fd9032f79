import { LRUCache } from 'lru-cache'
import { PdkError } from '@sallyport/sdk'
import type { EffectMeters } from './effect-meters.ts'
import { PLUGIN_LIMITS, type PluginLimits } from '../plugin-limits.ts'
import { type Namespace, toNamespace } from './namespace.ts'

type Values = LRUCache<string, string>

export interface CacheEntry {
  readonly json: string
  readonly ttlMs: number
  /** Of whoever owns the value. */
  readonly limits: Pick<PluginLimits, 'cacheValueBytesMax' | 'cacheKeysMax' | 'cacheBytesMax'>
}

/**
 * Values of plugins in the memory of this worker, as JSON. Each plugin and tenant has a cache of its
 * own: filling it drives out nobody else's values. Together they are bounded, too.
 */
export class PluginCache {
  readonly #caches = new Map<string, Values>()
  readonly #meters: EffectMeters
  /** The operator's: no tenant has more. */
  readonly #limits: PluginLimits
  /** Of all caches; what has run out counts until it is looked at. */
  #bytes = 0

  constructor(meters: EffectMeters, limits: PluginLimits = PLUGIN_LIMITS) {
    this.#meters = meters
    this.#limits = limits
  }

  get(namespace: Namespace, key: string): unknown {
    const cache = this.#caches.get(toNamespace(namespace))
    const json = cache === undefined ? undefined : this.#counting(cache, () => cache.get(key))
    const meter = this.#meters.of(namespace)
    if (json === undefined) {
      meter.cacheMisses++
      return null
    }
    meter.cacheHits++
    return JSON.parse(json) as unknown
  }

  /** Throws `LIMIT` for a value that is too long. */
  set(namespace: Namespace, key: string, { json, ttlMs, limits }: CacheEntry): void {
    const { cacheValueBytesMax, cacheKeysMax, cacheBytesMax } = limits
    const size = Buffer.byteLength(json)
    if (size > cacheValueBytesMax) {
      throw new PdkError(
        'LIMIT',
        `cache.set: the value is ${size} bytes of JSON; up to ${cacheValueBytesMax} are allowed`,
      )
    }
    const name = toNamespace(namespace)
    let cache = this.#caches.get(name)
    if (cache === undefined) {
      cache = new LRUCache({
        max: this.#limits.cacheKeysMax,
        maxSize: this.#limits.cacheBytesMax,
        dispose: (_json, _key, reason) => {
          if (reason === 'evict') this.#meters.of(namespace).cacheEvictions++
        },
      })
      this.#caches.set(name, cache)
    }
    const to = cache
    this.#counting(to, () => to.set(key, json, { ttl: ttlMs, size: size + Buffer.byteLength(key) }))
    // What its owner has lowered may be lowered again: a cache is made once, and gives way here.
    while (to.size > cacheKeysMax || to.calculatedSize > cacheBytesMax) this.#shrink(to)
    while (this.#bytes > this.#limits.cacheWorkerBytesMax) this.#shrinkLargest()
  }

  delete(namespace: Namespace, key: string): void {
    const cache = this.#caches.get(toNamespace(namespace))
    if (cache !== undefined) this.#counting(cache, () => cache.delete(key))
  }

  /** Keys and values; what has run out counts until it is looked at. */
  bytesOf(namespace: Namespace): number {
    return this.#caches.get(toNamespace(namespace))?.calculatedSize ?? 0
  }

  #counting<T>(cache: Values, work: () => T): T {
    const before = cache.calculatedSize
    const result = work()
    this.#bytes += cache.calculatedSize - before
    return result
  }

  #shrink(cache: Values): void {
    this.#counting(cache, () => cache.pop())
  }

  #shrinkLargest(): void {
    let largest: Values | null = null
    for (const cache of this.#caches.values()) {
      if (largest === null || cache.calculatedSize > largest.calculatedSize) largest = cache
    }
    this.#shrink(largest!)
  }
}
