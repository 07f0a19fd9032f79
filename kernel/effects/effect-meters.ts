import { PdkError, type PdkErrorCode } from '@sallyport/sdk'
import { type Namespace, toNamespace } from './namespace.ts'

/** What is counted each by itself: the namespaces of the PDK that reach beyond the request. */
export const EFFECT_KINDS = ['http', 'cache', 'store', 'vault'] as const
export type EffectKind = (typeof EFFECT_KINDS)[number]

/** What is counted of the effects of a plugin in the name of one tenant, in one worker. */
export interface EffectCounts {
  readonly plugin: string
  readonly tenant: string | null
  readonly calls: Readonly<Record<EffectKind, number>>
  /** Milliseconds from calls to their ends, failed ones included. */
  readonly waitedMs: Readonly<Record<EffectKind, number>>
  /** Only codes that there were. */
  readonly failures: Readonly<Record<EffectKind, Readonly<Partial<Record<PdkErrorCode, number>>>>>
  /** Bodies of requests that were begun, again for each redirect that keeps the body. */
  readonly sentBytes: number
  /** Bodies of answers, as far as they were read. */
  readonly receivedBytes: number
  readonly cacheHits: number
  readonly cacheMisses: number
  /** Values that had to go before their time because a share was full. */
  readonly cacheEvictions: number
}

/** Counts the effects of one plugin and tenant. */
export class EffectMeter {
  readonly #of: Namespace
  readonly #calls = zeros()
  readonly #waitedMs = zeros()
  readonly #failures: Readonly<Record<EffectKind, Partial<Record<PdkErrorCode, number>>>> = {
    http: {},
    cache: {},
    store: {},
    vault: {},
  }
  sentBytes = 0
  receivedBytes = 0
  cacheHits = 0
  cacheMisses = 0
  cacheEvictions = 0

  constructor({ pluginName, tenant }: Namespace) {
    this.#of = { pluginName, tenant }
  }

  get namespace(): Namespace {
    return this.#of
  }

  /** Counts what `run` does as one call; what it gives or throws is given or thrown. */
  async measure<T>(kind: EffectKind, run: () => Promise<T>): Promise<T> {
    const startMs = performance.now()
    this.#calls[kind]++
    try {
      return await run()
    } catch (error) {
      // What is no error of the PDK is told to a sandbox as this.
      const code = error instanceof PdkError ? error.code : 'INTERNAL'
      const failures = this.#failures[kind]
      failures[code] = (failures[code] ?? 0) + 1
      throw error
    } finally {
      this.#waitedMs[kind] += performance.now() - startMs
    }
  }

  counts(): EffectCounts {
    const { http, cache, store, vault } = this.#failures
    return {
      plugin: this.#of.pluginName,
      tenant: this.#of.tenant,
      calls: { ...this.#calls },
      waitedMs: { ...this.#waitedMs },
      failures: {
        http: { ...http },
        cache: { ...cache },
        store: { ...store },
        vault: { ...vault },
      },
      sentBytes: this.sentBytes,
      receivedBytes: this.receivedBytes,
      cacheHits: this.cacheHits,
      cacheMisses: this.cacheMisses,
      cacheEvictions: this.cacheEvictions,
    }
  }
}

/**
 * The meters of a worker, made when a plugin first does something. There are as many as the
 * configuration has plugins and tenants: nothing that a plugin says makes another.
 */
export class EffectMeters {
  readonly #meters = new Map<string, EffectMeter>()

  of(namespace: Namespace): EffectMeter {
    const name = toNamespace(namespace)
    let meter = this.#meters.get(name)
    if (meter === undefined) this.#meters.set(name, (meter = new EffectMeter(namespace)))
    return meter
  }

  /** Forgets all others. */
  keep(namespaces: Iterable<Namespace>): void {
    const kept = new Set([...namespaces].map(toNamespace))
    for (const name of this.#meters.keys()) if (!kept.has(name)) this.#meters.delete(name)
  }

  all(): EffectMeter[] {
    return [...this.#meters.values()]
  }
}

function zeros(): Record<EffectKind, number> {
  return { http: 0, cache: 0, store: 0, vault: 0 }
}
