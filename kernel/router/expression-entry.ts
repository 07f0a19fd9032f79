import { compileExpression } from '../expressions/expression.ts'
import type { Expression } from '../expressions/expression.ts'
import { baseOf } from './route-entry.ts'
import type { RouterRoute, RouterService } from './types.ts'

/** A route that is said by an expression, as it is matched. */
export interface ExpressionEntry<R, S> {
  readonly route: R
  readonly service: S | null
  readonly id: string
  readonly priority: number
  readonly hasVars: boolean
  /** The route's `vars` included. */
  readonly expression: Expression
  readonly allowsScheme: (scheme: string) => boolean
  readonly stripPath: boolean
  readonly preserveHost: boolean
  /** The old way to join paths is not there for expressions. */
  readonly isV1: false
  readonly base: string | null
}

/** Throws an `ExpressionError` or `VarsError` when the route should not have got here. */
export function toExpressionEntry<R extends RouterRoute, S extends RouterService>({
  route,
  service,
  expression,
}: {
  readonly route: R
  readonly service: S | null
  readonly expression: string
}): ExpressionEntry<R, S> {
  return {
    route,
    service,
    id: route.id,
    priority: route.priority ?? 0,
    hasVars: (route.vars?.length ?? 0) > 0,
    expression: compileExpression(expression, route.vars)!,
    allowsScheme: schemeTest(route.protocols ?? []),
    stripPath: route.strip_path === true,
    preserveHost: route.preserve_host === true,
    isV1: false,
    base: baseOf(service),
  }
}

/** Higher priority first; then those with `vars`; then by id, descending, as in Kong. */
export function compareExpressions(
  left: ExpressionEntry<unknown, unknown>,
  right: ExpressionEntry<unknown, unknown>,
): number {
  if (left.priority !== right.priority) return right.priority - left.priority
  if (left.hasVars !== right.hasVars) return left.hasVars ? -1 : 1
  if (left.id === right.id) return 0
  return left.id < right.id ? 1 : -1
}

const plainFamily: ReadonlySet<string> = new Set(['http', 'grpc', 'ws'])
const secureFamily: ReadonlySet<string> = new Set(['https', 'grpcs', 'wss'])

/**
 * gRPC and WebSocket requests are HTTP. A route for TLS also matches what came without: when it is
 * for TLS only, it is found in order to be refused or redirected.
 */
function schemeTest(protocols: readonly string[]): (scheme: string) => boolean {
  if (protocols.length === 0) return () => true
  const allowed = new Set<string>(protocols)
  const addFamily = (family: ReadonlySet<string>) => family.forEach((name) => allowed.add(name))
  const isSecure = protocols.some((name) => secureFamily.has(name))
  if (isSecure) addFamily(secureFamily)
  if (isSecure || protocols.some((name) => plainFamily.has(name))) addFamily(plainFamily)
  return (scheme) => allowed.has(scheme)
}
