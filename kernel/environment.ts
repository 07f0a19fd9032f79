import type { Logger } from 'pino'
import type { Effects } from './effects/effects.ts'

/** What is the same for every request of a worker; handed down, never imported. */
export interface Environment {
  readonly nodeId: string
  readonly hostname: string
  readonly log: Logger
  /** Answers whether an address is one of the trusted proxies in front of this gateway. */
  readonly isTrustedAddress: (address: string) => boolean
  /** Answers the header `Sallyport-Debug` with a trace when it is set. */
  readonly allowDebugHeader: boolean
  /** What plugins do beyond the request. */
  readonly effects: Effects
}
