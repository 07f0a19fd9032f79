import type { Bucket } from './entry-list.ts'
import type { HostRule, RequestHost } from './host-rule.ts'
import type { RouteEntry } from './route-entry.ts'

/** Buckets by plain host and by wildcard. What a lookup costs depends on the labels, not on the routes. */
export class HostIndex<R, S> {
  readonly #plain = new Map<string, Bucket<R, S>>()
  readonly #suffixes = new Map<string, Bucket<R, S>>()
  readonly #prefixes = new Map<string, Bucket<R, S>>()
  readonly #patterns = new Map<string, { rule: HostRule; bucket: Bucket<R, S> }>()
  readonly #makeBucket: () => Bucket<R, S>
  #hasWildcardPorts = false

  constructor(makeBucket: () => Bucket<R, S>) {
    this.#makeBucket = makeBucket
  }

  add(entry: RouteEntry<R, S>): void {
    // `a.test` and `A.test` in one route are one place in the index.
    const filled = new Set<Bucket<R, S>>()
    for (const rule of entry.hosts ?? []) {
      const bucket = this.#bucketOf(rule)
      if (filled.has(bucket)) continue
      filled.add(bucket)
      bucket.add(entry)
      if (rule.kind !== 'plain' && rule.hasPort) this.#hasWildcardPorts = true
    }
  }

  /** The bucket of the host exactly as the request spells it: it goes before all others. */
  exact(host: RequestHost): Bucket<R, S> | undefined {
    return this.#plain.get(host.written)
  }

  /** The buckets of everything else that holds for the host. */
  others(host: RequestHost): readonly Bucket<R, S>[] {
    const found: Bucket<R, S>[] = []
    if (host.hadPort) pushFound(found, this.#plain.get(host.hostname))
    if (this.#suffixes.size > 0) this.#pushSuffixes(found, host)
    if (this.#prefixes.size > 0) this.#pushPrefixes(found, host)
    for (const { rule, bucket } of this.#patterns.values()) {
      const portHolds = !rule.hasPort || rule.key === `:${host.port}`
      if (portHolds && rule.pattern?.test(host.hostname) === true) found.push(bucket)
    }
    return found
  }

  #pushSuffixes(found: Bucket<R, S>[], host: RequestHost): void {
    const { hostname } = host
    for (let at = hostname.indexOf('.', 1); at !== -1; at = hostname.indexOf('.', at + 1)) {
      this.#pushBoth(found, this.#suffixes, hostname.slice(at), host.port)
    }
  }

  #pushPrefixes(found: Bucket<R, S>[], host: RequestHost): void {
    const { hostname } = host
    const last = hostname.length - 1
    for (
      let at = hostname.indexOf('.');
      at !== -1 && at < last;
      at = hostname.indexOf('.', at + 1)
    ) {
      this.#pushBoth(found, this.#prefixes, hostname.slice(0, at + 1), host.port)
    }
  }

  #pushBoth(
    found: Bucket<R, S>[],
    buckets: ReadonlyMap<string, Bucket<R, S>>,
    key: string,
    port: string,
  ): void {
    pushFound(found, buckets.get(key))
    if (this.#hasWildcardPorts) pushFound(found, buckets.get(`${key}:${port}`))
  }

  #bucketOf(rule: HostRule): Bucket<R, S> {
    if (rule.kind === 'pattern') {
      const folded = rule.spelled.toLowerCase()
      const known = this.#patterns.get(folded)
      if (known !== undefined) return known.bucket
      const bucket = this.#makeBucket()
      this.#patterns.set(folded, { rule, bucket })
      return bucket
    }
    const buckets = this.#bucketsOf(rule.kind)
    let bucket = buckets.get(rule.key)
    if (bucket === undefined) {
      bucket = this.#makeBucket()
      buckets.set(rule.key, bucket)
    }
    return bucket
  }

  #bucketsOf(kind: 'plain' | 'suffix' | 'prefix'): Map<string, Bucket<R, S>> {
    if (kind === 'plain') return this.#plain
    return kind === 'suffix' ? this.#suffixes : this.#prefixes
  }
}

function pushFound<T>(found: T[], bucket: T | undefined): void {
  if (bucket !== undefined) found.push(bucket)
}
