import type { RequestContext } from './context.ts'
import type { RouterRequest } from './router/types.ts'

/** What the request was when it arrived, whatever plugins want the upstream to get. */
export function toRouterRequest({ exchange, path, query }: RequestContext): RouterRequest {
  const { connection } = exchange
  return {
    method: exchange.method,
    path,
    query,
    host: exchange.authority,
    scheme: connection.scheme,
    headers: exchange.headers,
    sni: connection.sni,
    srcIp: connection.clientAddress,
    srcPort: connection.clientPort,
    dstIp: connection.localAddress,
    dstPort: connection.localPort,
  }
}
