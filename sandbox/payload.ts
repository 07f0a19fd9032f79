import { HostFailure } from '@sallyport/sdk'

const QUOTE = 0x22
const BACKSLASH = 0x5c

/** The result itself is an object of a list of lists. */
export const RESULT_NESTING = 3

/**
 * Reads JSON that a sandbox sent. Throws `HostFailure` of kind `refused` when it is no JSON or nested
 * deeper than `depthMax`, which is found out before anything is built from it.
 */
export function parsePayload(json: string, depthMax: number): unknown {
  if (json.length > depthMax && isDeeper(json, depthMax)) {
    throw new HostFailure('refused', `the result is nested deeper than ${depthMax}`)
  }
  try {
    return JSON.parse(json) as unknown
  } catch (error) {
    throw new HostFailure('refused', `the result is no JSON: ${(error as Error).message}`)
  }
}

function isDeeper(json: string, depthMax: number): boolean {
  let depth = 0
  let inString = false
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i)
    if (inString) {
      if (code === BACKSLASH) i++
      else if (code === QUOTE) inString = false
    } else if (code === QUOTE) inString = true
    else if (code === 0x5b || code === 0x7b) {
      if (++depth > depthMax) return true
    } else if (code === 0x5d || code === 0x7d) depth--
  }
  return false
}
