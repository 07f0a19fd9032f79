import type { HeaderValue } from './pdk.ts'

/**
 * The members of the PDK that reach beyond the request. The kernel does what they say, within limits
 * that are counted for each handler call, and only when the plugin's manifest asks for it and the
 * operator has granted it (`NOT_GRANTED` otherwise). Limits and grants: docs/effects.md.
 */
export interface HttpPdk {
  /**
   * Asks another server. The host must be granted, and its address public unless that is granted, too;
   * so for each redirect. Any status is an answer. Rejects with `BAD_ARGUMENT`, `NOT_GRANTED`, `LIMIT`
   * (8 requests a handler call, redirects counted, 4 at once), `TIMEOUT`, `BODY_TOO_LARGE` and
   * `FETCH_FAILED`.
   */
  fetch(url: string, options?: FetchOptions): Promise<FetchAnswer>
}

export interface FetchOptions {
  /** Default `GET`. */
  readonly method?: string
  /** What frames the message, and `Host`, is the gateway's own and refused. */
  readonly headers?: Readonly<Record<string, HeaderValue>>
  /** Up to 1 MB. Not with `GET` and `HEAD`. */
  readonly body?: Uint8Array | string
  /** For everything, redirects and body included: 1 to 30,000, default 2,000. */
  readonly timeoutMs?: number
  /** A longer body is `BODY_TOO_LARGE`. Default 1 MB, at most 1 MB in a sandbox. */
  readonly maxBytes?: number
  /** Redirects to follow: 0 to 5, default 3. With 0 the answer is the redirect itself. */
  readonly maxRedirects?: number
}

export interface FetchAnswer {
  readonly status: number
  /** Names in lower case; a repeated header gives a list. */
  readonly headers: Readonly<Record<string, string | string[]>>
  /** As received: what is compressed stays so. */
  readonly body: Uint8Array
  /** Where the answer came from after all redirects. */
  readonly url: string
}

/**
 * Values that may be forgotten at any time, in the memory of this worker: other workers have their
 * own. Seen by all instances of the plugin that the same tenant owns. Values are JSON.
 */
export interface CachePdk {
  /** The value, or null when there is none or its time is over. */
  get(key: string): Promise<unknown>
  /** Rejects with `LIMIT` when the value is longer than 64 KB of JSON. */
  set(key: string, value: unknown, options?: CacheOptions): Promise<void>
  delete(key: string): Promise<void>
}

export interface CacheOptions {
  /** 1 to 86,400,000 (a day), default 300,000 (five minutes). */
  readonly ttlMs?: number
}

/**
 * Values that stay, the same for all workers of the node when the operator has given the store a file.
 * Seen by all instances of the plugin that the same tenant owns. Values are JSON.
 */
export interface StorePdk {
  /** The value, or null when there is none or its time is over. */
  get(key: string): Promise<unknown>
  /**
   * Rejects with `LIMIT` when the value is too long or the plugin's share is full. Tells whether it was
   * written: with `ifAbsent` a value that is there stays.
   */
  set(key: string, value: unknown, options?: StoreOptions): Promise<boolean>
  /**
   * Adds to a number, which is 0 when it was not there, and gives the sum; nobody else's addition is
   * lost. The time of `ttlMs` begins with the first. Rejects with `BAD_ARGUMENT` for another value.
   */
  add(key: string, amount: number, options?: CacheOptions): Promise<number>
  /** Whether there was something to delete. */
  delete(key: string): Promise<boolean>
  /** Keys in their order, from the one behind `after`. */
  list(options?: ListOptions): Promise<string[]>
}

export interface StoreOptions {
  /** 1 to 31,536,000,000 (a year); without it the value stays. */
  readonly ttlMs?: number
  readonly ifAbsent?: boolean
}

export interface ListOptions {
  /** Only keys that begin so. */
  readonly prefix?: string
  /** Only keys behind this one. */
  readonly after?: string
  /** 1 to 1,000, default 100. */
  readonly limit?: number
}

/** Secrets that the operator keeps outside of the configuration. */
export interface VaultPdk {
  /**
   * The secret behind a reference like `{vault://env/api-key}`. Rejects with `BAD_ARGUMENT`,
   * `NOT_GRANTED`, and `NOT_FOUND` when there is no such secret.
   */
  get(reference: string): Promise<string>
}

export type HashAlgorithm = 'sha1' | 'sha256' | 'sha384' | 'sha512' | 'md5'

/** The names of RFC 7518 and RFC 8037. */
export type SignatureAlgorithm =
  | 'HS256'
  | 'HS384'
  | 'HS512'
  | 'RS256'
  | 'RS384'
  | 'RS512'
  | 'PS256'
  | 'PS384'
  | 'PS512'
  | 'ES256'
  | 'ES384'
  | 'ES512'
  | 'EdDSA'

/** A text stands for its bytes in UTF-8. */
export type Data = Uint8Array | string

/** Needs no grant: it reaches nothing. */
export interface CryptoPdk {
  hash(algorithm: HashAlgorithm, data: Data): Promise<Uint8Array>
  hmac(algorithm: HashAlgorithm, key: Data, data: Data): Promise<Uint8Array>
  /** Whether two texts or lists of bytes are the same, in a time that tells nothing of where they differ. */
  equals(a: Data, b: Data): Promise<boolean>
  /** 1 to 65,536 bytes. */
  randomBytes(count: number): Promise<Uint8Array>
  /**
   * Whether the signature is right. Rejects with `BAD_ARGUMENT` for a key that is none or not of the
   * algorithm's kind.
   */
  verify(signed: SignedData): Promise<boolean>
}

export interface SignedData {
  /** What the plugin expects, not what a token says of itself. */
  readonly algorithm: SignatureAlgorithm
  /** The secret for `HS*` (never a public key in its place), else a public key in PEM or a JWK. */
  readonly key: Data | Readonly<Record<string, unknown>>
  /** As a token carries it: for `ES*` the two numbers one behind the other. */
  readonly signature: Uint8Array
  readonly data: Data
}
