import { HostFailure } from '@sallyport/sdk'
import { SANDBOX_LIMITS } from './limits.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const BRACKET_OPEN = 0x5b
const BRACKET_CLOSE = 0x5d
const BRACE_OPEN = 0x7b
const BRACE_CLOSE = 0x7d

/** The result itself is an object of a list of lists. */
export const RESULT_NESTING = 3

/**
 * Reads JSON that a sandbox sent. Throws `HostFailure` of kind `refused` when it is no JSON, nested
 * deeper than `depthMax`, or of more values than `valuesMax`, which is found out before anything is
 * built from it: small values take fifty times their length in memory and time.
 */
export function parsePayload(
  json: string,
  depthMax: number,
  valuesMax: number = SANDBOX_LIMITS.payloadValuesMax,
): unknown {
  if (json.length > depthMax) checkShape(json, depthMax, valuesMax)
  try {
    return JSON.parse(json) as unknown
  } catch (error) {
    throw new HostFailure('refused', `the result is no JSON: ${(error as Error).message}`)
  }
}

function checkShape(json: string, depthMax: number, valuesMax: number): void {
  let depth = 0
  let values = 0
  for (let i = 0; i < json.length; i++) {
    const code = json.charCodeAt(i)
    if (code === QUOTE) i = endOfString(json, i + 1)
    else if (code === COMMA) values++
    else if (code === BRACKET_OPEN || code === BRACE_OPEN) {
      values++
      if (++depth > depthMax) {
        throw new HostFailure('refused', `the result is nested deeper than ${depthMax}`)
      }
    } else if (code === BRACKET_CLOSE || code === BRACE_CLOSE) depth--
    if (values > valuesMax) {
      throw new HostFailure(
        'refused',
        `the result has more than ${valuesMax} values; a large body goes as a string or as bytes`,
      )
    }
  }
}

/** The index of the quote that ends a string; the end of the text when there is none. */
function endOfString(json: string, from: number): number {
  for (let at = from; ; at++) {
    at = json.indexOf('"', at)
    if (at === -1) return json.length
    let backslashes = 0
    while (json.charCodeAt(at - 1 - backslashes) === BACKSLASH) backslashes++
    if (backslashes % 2 === 0) return at
  }
}
