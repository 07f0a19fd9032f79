import type { FoundExpression } from './expression-index.ts'
import { hostToPreserve, toCaptures, toEscapedPath } from './route-match.ts'
import type { RouteMatch, RouterRequest } from './types.ts'

/**
 * Describes the route that an expression has found. `strip_path` takes off what `==`, `^=` or `~` on
 * `http.path` has matched from the start of the path; of several the last one counts.
 */
export function toExpressionMatch<R, S>(
  { entry, pathMatch }: FoundExpression<R, S>,
  request: RouterRequest,
): RouteMatch<R, S> {
  const { path } = request
  const cut = pathMatch?.length ?? null
  const found = pathMatch?.found ?? null
  const isStripped = entry.base !== null && entry.stripPath && cut !== null
  return {
    route: entry.route,
    service: entry.service,
    prefix: isStripped ? path.slice(0, cut) : null,
    matches: {
      host: null,
      uri: pathMatch?.spelled ?? null,
      uriCaptures: found === null || found.captures.length < 2 ? null : toCaptures(found, request),
      method: null,
      headers: null,
      sni: null,
      srcIp: null,
      srcPort: null,
      dstIp: null,
      dstPort: null,
    },
    upstreamPath: entry.base === null ? '' : toEscapedPath(entry, entry.base, { path, cut }),
    upstreamHost: entry.base !== null && entry.preserveHost ? hostToPreserve({ request }) : null,
  }
}
