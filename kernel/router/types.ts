/** Types of the router's inputs and answers. Field names of entities are Kong's. */

type Maybe<T> = T | null | undefined

/** One element of `sources` or `destinations`: an address, a CIDR range, a port, or both. */
export interface RouterAddress {
  readonly ip?: Maybe<string>
  readonly port?: Maybe<number>
}

/** What the router reads of a route. A field that is null or missing is unset. */
export interface RouterRoute {
  readonly id: string
  readonly name?: Maybe<string>
  readonly protocols?: Maybe<readonly string[]>
  readonly methods?: Maybe<readonly string[]>
  readonly hosts?: Maybe<readonly string[]>
  readonly paths?: Maybe<readonly string[]>
  readonly headers?: Maybe<Readonly<Record<string, readonly string[]>>>
  readonly snis?: Maybe<readonly string[]>
  readonly sources?: Maybe<readonly RouterAddress[]>
  readonly destinations?: Maybe<readonly RouterAddress[]>
  readonly regex_priority?: Maybe<number>
  readonly path_handling?: Maybe<string>
  readonly strip_path?: Maybe<boolean>
  readonly preserve_host?: Maybe<boolean>
  readonly created_at?: Maybe<number>
  /** Kong's language; with it the route selects by nothing else but `protocols` and `vars`. */
  readonly expression?: Maybe<string>
  /** Of expressions: the higher one is asked first. */
  readonly priority?: Maybe<number>
  /** APISIX's conditions, which must hold besides everything else. */
  readonly vars?: Maybe<readonly unknown[]>
  readonly service?: Maybe<{ readonly id: string }>
}

/** What the router reads of a service. */
export interface RouterService {
  readonly id: string
  readonly name?: Maybe<string>
  readonly protocol?: Maybe<string>
  readonly host?: Maybe<string>
  readonly port?: Maybe<number>
  readonly path?: Maybe<string>
}

export interface RouterRequest {
  readonly method: string
  /** Normalised with `normalisePath`, without the query. */
  readonly path: string
  /** As received, with the leading `?` if there was one, else ''. Takes no part in matching. */
  readonly query: string
  /** The Host header as received. */
  readonly host: string | null
  /** `http`, `https`, `grpc`, .. or, for streams, `tcp`, `tls`, `udp`, `tls_passthrough`. */
  readonly scheme: string
  /** Name, value, name, value, as received. */
  readonly headers: readonly string[]
  readonly sni: string | null
  readonly srcIp: string | null
  readonly srcPort: number
  readonly dstIp: string | null
  readonly dstPort: number
}

/** Captures of a regex path; a group that took no part is null. */
export interface UriCaptures {
  /** 0 is the whole request path, as in Kong. */
  readonly positional: readonly (string | null)[]
  readonly named: Readonly<Record<string, string | null>>
}

/** By what a request was matched: each value as the route spells it, null when it has no part. */
export interface RouteMatches {
  readonly host: string | null
  /** A regex path is spelled without its `~`. */
  readonly uri: string | null
  readonly uriCaptures: UriCaptures | null
  readonly method: string | null
  /** Lower-case name to the lower-cased request value that matched. */
  readonly headers: Readonly<Record<string, string>> | null
  readonly sni: string | null
  readonly srcIp: string | null
  readonly srcPort: number | null
  readonly dstIp: string | null
  readonly dstPort: number | null
}

export interface RouteMatch<R, S> {
  readonly route: R
  readonly service: S | null
  /** What `strip_path` took off the path; null when nothing was to be taken. */
  readonly prefix: string | null
  readonly matches: RouteMatches
  /** Escaped, without the query; '' when there is no service or it is not HTTP. */
  readonly upstreamPath: string
  /** What `preserve_host` hands on, as received (SNI when there is no Host header), else null. */
  readonly upstreamHost: string | null
}
