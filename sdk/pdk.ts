import type {
  Consumer,
  Credential,
  CredentialCollection,
  Route,
  Service,
  Target,
} from './entities.ts'
import type { CachePdk, CryptoPdk, HttpPdk, StorePdk, VaultPdk } from './pdk-effects.ts'

/**
 * The object that a handler receives: one namespace per noun, Kong's names in camelCase. Reading and
 * changing the message is synchronous and a handler reads its own writes; what needs I/O returns a
 * promise. What is missing is `null`; what fails throws a `PdkError`. In which phases a member may be
 * called is in `PDK_MEMBERS`; in another phase it throws `WRONG_PHASE`.
 */
export interface Pdk {
  readonly client: ClientPdk
  readonly request: RequestPdk
  readonly response: ResponsePdk
  readonly service: ServicePdk
  readonly router: RouterPdk
  readonly balancer: BalancerPdk
  readonly ctx: CtxPdk
  readonly log: LogPdk
  readonly ip: IpPdk
  readonly node: NodePdk
  readonly plugin: PluginPdk
  readonly tracing: TracingPdk
  readonly http: HttpPdk
  readonly cache: CachePdk
  readonly store: StorePdk
  readonly vault: VaultPdk
  readonly crypto: CryptoPdk
}

export type HeaderValue = string | number | readonly (string | number)[]

export interface HeaderLimits {
  /** At most this many headers are looked at: 1 to 1000, default 100. */
  readonly maxHeaders?: number
}

export interface QueryLimits {
  /** At most this many arguments are looked at: 1 to 1000, default 100. */
  readonly maxArgs?: number
}

export interface BodyLimits {
  /** A longer body is `BODY_TOO_LARGE`. Default and maximum 1 MB in a sandbox, default 1 MB inline. */
  readonly maxBytes?: number
}

/** What `request.getQuery` gives: `true` for a bare name, a list for a repeated one. */
export type QueryValues = Record<string, string | true | (string | true)[]>

/** Who is at the other end of the connection, and as whom the caller was authenticated. */
export interface ClientPdk {
  /** The address of the TCP peer. */
  getIp(): string
  /** The port of the TCP peer. */
  getPort(): number
  /** The client's address as trusted proxies tell it; the peer's own when there is none. */
  getForwardedIp(): string
  /** The port that the client used, as a trusted proxy tells it; else the one it connected to. */
  getForwardedPort(): number
  /**
   * The protocol of the route that the request matched, as the client spoke it: `http`, `https`, `grpc`
   * or `grpcs`. With `allowTerminated` a trusted proxy that ended TLS is believed.
   */
  getProtocol(allowTerminated?: boolean): string
  getConsumer(): Consumer | null
  getCredential(): Credential | null
  /** A consumer by id, or by username when `byUsername` is set. */
  loadConsumer(idOrName: string, byUsername?: boolean): Promise<Consumer | null>
  /** A credential by the value that the client showed, such as an API key. */
  loadCredential(collection: CredentialCollection, value: string): Promise<Credential | null>
  /** Sets the authenticated consumer and its credential; at least one of them is not null. */
  authenticate(consumer: Consumer | null, credential: Credential | null): void
}

/** The request as the client sent it. */
export interface RequestPdk {
  getScheme(): string
  /** The hostname of the `Host` header, in lower case, without the port. */
  getHost(): string
  /** The port on which the request arrived. */
  getPort(): number
  /** Scheme, hostname, port, path and prefix as the client used them, told by a trusted proxy; else our own. */
  getForwardedScheme(): string
  getForwardedHost(): string
  getForwardedPort(): number
  getForwardedPath(): string
  /** The part of the path that the route has matched and taken away; empty for none. */
  getForwardedPrefix(): string
  /** `1.0`, `1.1` or `2`. */
  getHttpVersion(): string
  getMethod(): string
  /** The normalised path, without the query. */
  getPath(): string
  /** The path as it came, without the query. */
  getRawPath(): string
  getPathWithQuery(): string
  /** The query as it came, without the question mark; empty when there is none. */
  getRawQuery(): string
  /** The first value of the argument; `true` for a bare name; null when it is missing. */
  getQueryArg(name: string): string | true | null
  /** All arguments, decoded. */
  getQuery(limits?: QueryLimits): QueryValues
  /** What the regular expression of the route's path has captured; null when it has none. */
  getUriCaptures(): UriCaptures | null
  /** The first value of the header, or null. Names are compared without case. */
  getHeader(name: string): string | null
  /** Names in lower case; a repeated header gives a list. */
  getHeaders(limits?: HeaderLimits): Record<string, string | string[]>
  /** When the request's head arrived: milliseconds since 1970. */
  getStartTime(): number
  /** The id that is in logs, in error bodies and in `X-Sallyport-Request-Id`. */
  getId(): string
  /**
   * The whole body; empty when the request has none. The upstream gets it all the same. Rejects with
   * `BODY_TOO_LARGE` over `maxBytes`, with `BODY_GONE` when it was sent upstream unread.
   */
  getRawBody(limits?: BodyLimits): Promise<Uint8Array>
  /**
   * The body parsed by its `Content-Type`, or by the type given: JSON to its value, forms and the text
   * fields of multipart to an object. Rejects with `UNKNOWN_TYPE`, `BAD_BODY`, and as `getRawBody`.
   */
  getBody(mimeType?: string | null, limits?: BodyLimits & QueryLimits): Promise<unknown>
}

export interface UriCaptures {
  /** In the order of their brackets; 0 is all that has matched. A group that took no part is null. */
  readonly unnamed: readonly (string | null)[]
  readonly named: Readonly<Record<string, string | null>>
}

/** The answer to the client. */
export interface ResponsePdk {
  getStatus(): number
  getHeader(name: string): string | null
  getHeaders(limits?: HeaderLimits): Record<string, string | string[]>
  /** `service` for an upstream's answer, `exit` for a plugin's, `error` for the gateway's own. */
  getSource(): 'service' | 'exit' | 'error'
  setStatus(status: number): void
  /** Replaces the header. Before the upstream has answered it is kept for the final answer. */
  setHeader(name: string, value: HeaderValue): void
  addHeader(name: string, value: HeaderValue): void
  clearHeader(name: string): void
  setHeaders(headers: Readonly<Record<string, HeaderValue>>): void
  /**
   * Answers the request here. Does not throw: the handler returns after it. The first call wins. An
   * object is sent as JSON, a string or bytes as they are.
   */
  exit(status: number, body?: unknown, headers?: Readonly<Record<string, HeaderValue>>): void
  /**
   * Answers with an error, as JSON, HTML, XML or text by what the client accepts, with the status's
   * usual message when none is given. Otherwise like `exit`.
   */
  error(
    status: number,
    message?: string | null,
    headers?: Readonly<Record<string, HeaderValue>>,
  ): void
  /** The whole body of the answer as it stands; empty when it has none. */
  getRawBody(limits?: BodyLimits): Promise<Uint8Array>
  /** Replaces the body of the answer; its `Content-Length` follows. */
  setRawBody(body: Uint8Array | string): void
  /** The chunk at hand; empty at the end of some answers. */
  getChunk(): Uint8Array
  /** Replaces the chunk at hand; an empty one drops it. */
  setChunk(chunk: Uint8Array | string): void
  /** Whether the chunk at hand is the last one. */
  isLast(): boolean
}

/** What goes to the upstream and what came from it. */
export interface ServicePdk {
  /** Sends the request to the targets of this upstream, by name. `NOT_FOUND` when there is none. */
  setUpstream(name: string): void
  /** Sends the request to this address, past balancer and health checks. */
  setTarget(host: string, port: number): void
  /** How often another target is tried: 0 to 32767. */
  setRetries(retries: number): void
  /** Milliseconds, 1 to 2147483646 each. */
  setTimeouts(connectMs: number, writeMs: number, readMs: number): void
  readonly request: ServiceRequestPdk
  readonly response: ServiceResponsePdk
}

export interface ServiceRequestPdk {
  /** Collects the upstream's answer before it is sent on, so that its body can be read. */
  enableBuffering(): void
  setScheme(scheme: 'http' | 'https'): void
  /** With a slash at its start and without query; what a path cannot have is escaped. */
  setPath(path: string): void
  setMethod(method: string): void
  /** As it is to be sent, without the question mark; empty for none. */
  setRawQuery(query: string): void
  /** Replaces the query; names are sorted, `true` is a bare name, a list repeats it. */
  setQuery(args: Readonly<Record<string, QueryArg>>): void
  /** Replaces the body; `Content-Length` follows. */
  setRawBody(body: Uint8Array | string): void
  /** Replaces body and `Content-Type`: JSON, a form, or multipart; by the request's type if not given. */
  setBody(args: Readonly<Record<string, unknown>>, mimeType?: string): void
  /** Removes every argument of this name from the query. */
  clearQueryArg(name: string): void
  setHeader(name: string, value: HeaderValue): void
  addHeader(name: string, value: HeaderValue): void
  clearHeader(name: string): void
  setHeaders(headers: Readonly<Record<string, HeaderValue>>): void
}

export type QueryArg = string | number | boolean | readonly (string | number | boolean)[]

export interface ServiceResponsePdk {
  getStatus(): number | null
  getHeader(name: string): string | null
  getHeaders(limits?: HeaderLimits): Record<string, string | string[]>
  /**
   * The whole body of the upstream's answer, as it came. `BODY_NOT_BUFFERED` unless a handler of
   * `response` is in the chain or `enableBuffering` was called.
   */
  getRawBody(limits?: BodyLimits): Promise<Uint8Array>
  /** The body of the upstream's answer, parsed as `request.getBody` does. */
  getBody(mimeType?: string | null, limits?: BodyLimits & QueryLimits): Promise<unknown>
}

export interface RouterPdk {
  getRoute(): Route | null
  getService(): Service | null
}

export interface BalancerPdk {
  /** The target of this try. */
  getTarget(): Target | null
}

/** Values that live as long as the request. */
export interface CtxPdk {
  /** Seen by every plugin of the same tenant. In a sandbox: JSON, 16 KB in all. */
  readonly shared: Record<string, unknown>
  /** Seen by this plugin instance only. */
  readonly plugin: Record<string, unknown>
}

/** Lines in the gateway's log, marked with plugin and request. */
export interface LogPdk {
  debug(...parts: unknown[]): void
  info(...parts: unknown[]): void
  notice(...parts: unknown[]): void
  warn(...parts: unknown[]): void
  err(...parts: unknown[]): void
  crit(...parts: unknown[]): void
  alert(...parts: unknown[]): void
  emerg(...parts: unknown[]): void
  /** What a log of this request says of it, as JSON; secrets in `Authorization` are left out. */
  serialize(): SerializedRequest
  /**
   * Changes what `serialize` says; dots in the key lead into objects. `set` puts the value, `add` only
   * where there is none, `replace` only where there is one. Undefined removes.
   */
  setSerializeValue(key: string, value: unknown, options?: { mode?: SerializeMode }): void
}

export type SerializeMode = 'set' | 'add' | 'replace'

/** Kong's fields; times in milliseconds, sizes in bytes. */
export interface SerializedRequest {
  readonly request: Readonly<Record<string, unknown>>
  readonly response: Readonly<Record<string, unknown>>
  readonly latencies: Readonly<Record<string, number>>
  readonly tries: readonly unknown[]
  readonly [key: string]: unknown
}

export interface IpPdk {
  /** Whether the address is one of the trusted proxies. */
  isTrusted(address: string): boolean
}

export interface NodePdk {
  /** The id of this gateway node. */
  getId(): string
  getHostname(): string
  /** Memory of the worker, in bytes or in the unit given: `b`, `k`, `m` or `g`. */
  getMemoryStats(unit?: 'b' | 'k' | 'm' | 'g'): Promise<MemoryStats>
}

export interface MemoryStats {
  readonly rss: number
  readonly heapUsed: number
  readonly heapTotal: number
  readonly external: number
}

export interface PluginPdk {
  /** The id of the plugin instance. */
  getId(): string
}

/** Spans of a plugin's own in the trace of the request; without a trace they cost nothing. */
export interface TracingPdk {
  /** Begins a span; `finish` ends it, the end of the handler does so otherwise. */
  startSpan(name: string, attributes?: Readonly<Record<string, SpanValue>>): Span
  /** Adds a span that is over. Times are milliseconds since 1970. */
  addSpan(span: FinishedSpan): void
}

export type SpanValue = string | number | boolean

export interface Span {
  setAttribute(key: string, value: SpanValue): void
  recordError(message: string): void
  finish(): void
}

export interface FinishedSpan {
  readonly name: string
  readonly startTime: number
  readonly endTime: number
  readonly attributes?: Readonly<Record<string, SpanValue>>
  readonly error?: string | null
}
