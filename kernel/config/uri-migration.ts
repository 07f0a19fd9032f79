import { normalisePath } from '../router/uri.ts'

/** Before version 3.0 a path was a regular expression as soon as it held anything but these. */
const plainPath = /^[A-Za-z0-9.\-_~/%]*$/

/** The normal form of a path that a person wrote; the router's takes letters as bytes of a request. */
export function normaliseRoutePath(path: string): string {
  return normalisePath(path.toWellFormed().replace(/[\u0080-\uffff]+/g, encodeURIComponent))
}

/**
 * A route's path of a file of version 1.1 or 2.1, spelt as version 3.0 does: regular expressions
 * get their `~`, and plain paths are normalised, which older versions did on their own.
 */
export function migratePath2xTo3x(path: string): string {
  if (!path.startsWith('/')) return path
  return plainPath.test(path) ? normaliseRoutePath(path) : `~${path}`
}
