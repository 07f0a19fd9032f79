import { performance } from 'node:perf_hooks'

/** Milliseconds since the process began. (As a global `performance` is looked up at each use.) */
export function nowMs(): number {
  return performance.now()
}
