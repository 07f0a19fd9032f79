import type {
  Consumer,
  Credential,
  CredentialCollection,
  Route,
  Service,
  Target,
} from './entities.ts'

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
  readonly node: NodePdk
  readonly plugin: PluginPdk
}

export type HeaderValue = string | number | readonly (string | number)[]

export interface HeaderLimits {
  /** At most this many headers are looked at: 1 to 1000, default 100. */
  readonly maxHeaders?: number
}

/** Who is at the other end of the connection, and as whom the caller was authenticated. */
export interface ClientPdk {
  /** The address of the TCP peer. */
  getIp(): string
  /** The port of the TCP peer. */
  getPort(): number
  /** The client's address as trusted proxies tell it; the peer's own when there is none. */
  getForwardedIp(): string
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
  /** The first value of the header, or null. Names are compared without case. */
  getHeader(name: string): string | null
  /** Names in lower case; a repeated header gives a list. */
  getHeaders(limits?: HeaderLimits): Record<string, string | string[]>
  /** When the request's head arrived: milliseconds since 1970. */
  getStartTime(): number
  /** The id that is in logs, in error bodies and in `X-Sallyport-Request-Id`. */
  getId(): string
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
  /** The chunk at hand; empty at the end of some answers. */
  getChunk(): Uint8Array
  /** Replaces the chunk at hand; an empty one drops it. */
  setChunk(chunk: Uint8Array | string): void
  /** Whether the chunk at hand is the last one. */
  isLast(): boolean
}

/** What goes to the upstream and what came from it. */
export interface ServicePdk {
  readonly request: ServiceRequestPdk
  readonly response: ServiceResponsePdk
}

export interface ServiceRequestPdk {
  /** Removes every argument of this name from the query. */
  clearQueryArg(name: string): void
  setHeader(name: string, value: HeaderValue): void
  addHeader(name: string, value: HeaderValue): void
  clearHeader(name: string): void
  setHeaders(headers: Readonly<Record<string, HeaderValue>>): void
}

export interface ServiceResponsePdk {
  getStatus(): number | null
  getHeader(name: string): string | null
  getHeaders(limits?: HeaderLimits): Record<string, string | string[]>
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
}

export interface NodePdk {
  /** The id of this gateway node. */
  getId(): string
  getHostname(): string
}

export interface PluginPdk {
  /** The id of the plugin instance. */
  getId(): string
}
