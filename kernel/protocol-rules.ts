import type { Route } from './config/entities.ts'
import type { ErrorCode } from './errors.ts'

/** What the rules look at of a request. */
export interface ProtocolFacts {
  /** Of the client's own connection, also when a trusted proxy ended TLS before us. */
  readonly isSecure: boolean
  readonly isHttp2: boolean
  readonly contentType: string | null
}

export type ProtocolRefusal = Extract<
  ErrorCode,
  'HTTPS_ONLY' | 'HTTP2_ONLY' | 'NOT_GRPC' | 'GRPCS_ONLY'
>

/**
 * Why a request may not go by the route that it matched, in Kong's order: the router looks at the
 * kind of protocol (http, gRPC, streams) only as far as SNIs go. Null: it may.
 */
export function refusalByProtocol(
  { protocols }: Pick<Route, 'protocols'>,
  facts: ProtocolFacts,
): ProtocolRefusal | null {
  if (protocols.includes('http')) return null
  if (protocols.includes('https')) return facts.isSecure ? null : 'HTTPS_ONLY'
  if (!protocols.includes('grpc') && !protocols.includes('grpcs')) return null
  if (!facts.isHttp2) return 'HTTP2_ONLY'
  if (!isGrpc(facts.contentType)) return 'NOT_GRPC'
  return protocols.includes('grpc') || facts.isSecure ? null : 'GRPCS_ONLY'
}

function isGrpc(contentType: string | null): boolean {
  return contentType?.toLowerCase().startsWith('application/grpc') === true
}
