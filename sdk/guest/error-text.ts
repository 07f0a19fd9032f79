import { slice, test, toText } from './primordials.ts'

const TEXT_LENGTH_MAX = 500
const PLACE = /\(?([^()\s]{1,200}:\d+:\d+)\)?/

/**
 * A bounded text for whatever was thrown. Reading it may run code of the plugin (getters, a Proxy), so
 * it is done here, within the deadline of the call, and never by the host.
 */
export function toErrorText(thrown: unknown): string {
  try {
    if (typeof thrown !== 'object' || thrown === null) {
      return slice(`a value that is no Error was thrown: ${toText(thrown)}`, 0, TEXT_LENGTH_MAX)
    }
    const { name, message, stack } = thrown as Partial<Error>
    const place = typeof stack === 'string' ? placeOf(stack) : ''
    const kind = typeof name === 'string' ? name : 'Error'
    return slice(`${kind}: ${toText(message)}${place}`, 0, TEXT_LENGTH_MAX)
  } catch {
    return 'a value was thrown that cannot be read'
  }
}

/** The innermost line of the plugin's own code. */
function placeOf(stack: string): string {
  let at = 0
  while (at !== -1) {
    const next = stack.indexOf('\n    at ', at + 1)
    if (next === -1) return ''
    const end = stack.indexOf('\n', next + 1)
    const line = slice(stack, next, end === -1 ? undefined : end)
    if (!line.includes('sallyport:') && !line.includes('<isolated-vm')) {
      const found = test(PLACE, slice(line, 8)) as string[] | null
      if (found !== null) return ` (${found[1]})`
    }
    at = next
  }
  return ''
}
