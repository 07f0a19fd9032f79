export interface PathParts {
  /** The service's path; '/' when it has none. */
  readonly base: string
  /** The normalised request path. */
  readonly path: string
  /** What remains behind the matched path; null when the route has no path. */
  readonly postfix: string | null
  readonly stripPath: boolean
  /** `path_handling: v1`: plain concatenation. */
  readonly isV1: boolean
}

/** The path that goes upstream, not yet escaped. */
export function toUpstreamPath(parts: PathParts): string {
  const { base, path, stripPath, isV1 } = parts
  if (!stripPath) return isV1 ? base + path.slice(1) : joinWhole(base, path)
  const postfix = parts.postfix ?? path.slice(1)
  const doubled = base.endsWith('/') && postfix.startsWith('/')
  if (doubled) return base + postfix.slice(1)
  return isV1 || postfix !== '' ? joinRest(base, postfix, isV1) : baseAlone(base, path)
}

function joinWhole(base: string, path: string): string {
  if (base.endsWith('/')) return base + path.slice(1)
  return path === '/' ? base : base + path
}

function joinRest(base: string, postfix: string, isV1: boolean): string {
  const needsSlash = !isV1 && !base.endsWith('/') && !postfix.startsWith('/')
  return needsSlash ? `${base}/${postfix}` : base + postfix
}

// Nothing remains of the request path: whether it ended with a slash decides, the root excepted.
function baseAlone(base: string, path: string): string {
  if (base === '/') return '/'
  if (base.endsWith('/')) return path.endsWith('/') ? base : base.slice(0, -1)
  return path.length > 1 && path.endsWith('/') ? `${base}/` : base
}
