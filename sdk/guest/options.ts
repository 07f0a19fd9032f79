/** What the host tells the guest library when it loads: limits, and facts about the node. */
export interface GuestOptions {
  readonly resultBytesMax: number
  readonly depthMax: number
  readonly contextBytesMax: number
  readonly logLinesMax: number
  readonly logLineLengthMax: number
  readonly changesMax: number
  readonly effectsMax: number
  /** Lists, objects and what lies in them, over all arguments of one effect. */
  readonly effectValuesMax: number
  readonly timersMax: number
  readonly node: { readonly id: string; readonly hostname: string }
  readonly trustedIps: readonly string[]
}

export type PostKind = 'effect' | 'timer' | 'result' | 'final' | 'failed'

/**
 * How the guest speaks to its host, beside the return value of the dispatcher: `effect` and `timer`
 * [id, call, member, arguments] ask for something, `result`, `final` and `failed` [call, payload]
 * end a call that waited; after a `final` result no other handler follows in the same view. Bounded strings and numbers only.
 */
export interface GuestPort {
  post(kind: PostKind, id: number, ...rest: (number | string)[]): void
  /** So many random bytes, as latin1. */
  random(count: number): string
  /** What the host's own language does better, at once: a text in, a text out. */
  native(name: NativeName, text: string): string
}

/**
 * `isTrusted` [an address]: `true` or `false`. `parseUrl` [JSON of input and base] and `setUrl` [JSON of
 * href, part and value]: JSON of the parts, or empty when it is no URL.
 */
export type NativeName = 'isTrusted' | 'parseUrl' | 'setUrl'
