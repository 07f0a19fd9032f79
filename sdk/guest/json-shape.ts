import { charCodeAt } from './primordials.ts'

const QUOTE = 0x22
const BACKSLASH = 0x5c
const COMMA = 0x2c
const OPEN_LIST = 0x5b
const CLOSE_LIST = 0x5d
const OPEN_OBJECT = 0x7b
const CLOSE_OBJECT = 0x7d

/** How deep lists and objects are nested in a JSON text, and about how many values it has. */
export function shapeOf(json: string): { depth: number; values: number } {
  let depth = 0
  let deepest = 0
  let values = 0
  let inString = false
  for (let i = 0; i < json.length; i++) {
    const code = charCodeAt(json, i)
    if (inString) {
      if (code === BACKSLASH) i++
      else if (code === QUOTE) inString = false
    } else if (code === QUOTE) inString = true
    else if (code === COMMA) values++
    else if (code === OPEN_LIST || code === OPEN_OBJECT) {
      values++
      depth++
      if (depth > deepest) deepest = depth
    } else if (code === CLOSE_LIST || code === CLOSE_OBJECT) depth--
  }
  return { depth: deepest, values }
}
