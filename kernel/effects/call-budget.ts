import { PdkError, type PdkMember } from '@sallyport/sdk'
import type { PluginLimits } from '../plugin-limits.ts'

/** What is counted for each handler call, with the limit of its table. */
const COUNTED = {
  http: { limit: 'fetchesPerCall', what: 'requests' },
  cache: { limit: 'cacheCallsPerCall', what: 'calls' },
  store: { limit: 'storeCallsPerCall', what: 'calls' },
  vault: { limit: 'vaultCallsPerCall', what: 'calls' },
  crypto: { limit: 'cryptoCallsPerCall', what: 'calls' },
  cryptoBytes: { limit: 'cryptoBytesPerCall', what: 'bytes' },
} as const satisfies Record<string, { limit: keyof PluginLimits; what: string }>

type Counted = keyof typeof COUNTED

/** What one handler call has used of its effects, and what ends them when the call is over. */
export class CallBudget {
  readonly #limits: PluginLimits
  readonly #used: Partial<Record<Counted, number>> = {}
  readonly #abort = new AbortController()
  readonly #deadlineMs: number
  #fetching = 0

  /** `leftMs`: what the call has at most from now on. */
  constructor(limits: PluginLimits, leftMs: number) {
    this.#limits = limits
    this.#deadlineMs = performance.now() + leftMs
  }

  /** Aborted when the handler is over: what it began ends with it. */
  get signal(): AbortSignal {
    return this.#abort.signal
  }

  get leftMs(): number {
    return Math.max(0, this.#deadlineMs - performance.now())
  }

  /** Throws `LIMIT` when the call has had so many already. */
  spend(member: PdkMember, counted: Counted, amount = 1): void {
    const used = (this.#used[counted] ?? 0) + amount
    const { limit, what } = COUNTED[counted]
    const most = this.#limits[limit]
    if (used > most) {
      throw new PdkError('LIMIT', `${member}: one call of a handler has ${most} ${what}, its quota`)
    }
    this.#used[counted] = used
  }

  /** Throws `LIMIT` when as many are under way; the function that it returns ends one. */
  beginFetch(): () => void {
    const { fetchesAtOnce } = this.#limits
    if (this.#fetching >= fetchesAtOnce) {
      throw new PdkError(
        'LIMIT',
        `http.fetch: ${fetchesAtOnce} requests of this handler are under way, its quota at one time`,
      )
    }
    this.#fetching++
    return () => {
      this.#fetching--
    }
  }

  end(): void {
    this.#abort.abort()
  }
}
