import type { Route as RouteView, Service as ServiceView } from '@sallyport/sdk'
import type { Route, Service } from './config/entities.ts'
import type { RouteMatches } from './router/types.ts'

/** What the router found, with the views that plugins get of it. */
export interface MatchedRoute {
  readonly route: Route
  readonly service: Service | null
  readonly matches: RouteMatches
  /** What `strip_path` took away. */
  readonly prefix: string | null
  /** Escaped, without the query. */
  readonly upstreamPath: string
  /** The client's Host header when the route preserves it. */
  readonly upstreamHost: string | null
}

export function toRouteView(route: Route): RouteView {
  const { id, name, protocols, hosts, paths, methods, tags } = route
  return { id, name, protocols, hosts, paths, methods, tags }
}

export function toServiceView(service: Service): ServiceView {
  const { id, name, protocol, host, port, path, tags } = service
  return { id, name, protocol, host, port, path, tags }
}
