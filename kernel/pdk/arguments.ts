import { type HeaderLimits, PdkError } from '@sallyport/sdk'
import type { PluginCall } from '../plugin-call.ts'

/** RFC 9110 `token`. */
const HEADER_NAME = /^[!#$%&'*+\-.^_`|~0-9A-Za-z]+$/
/** Visible characters, space and tab, and what latin1 has above ASCII. */
const HEADER_VALUE = /^[\t\x20-\x7e\x80-\xff]*$/
const HEADER_VALUE_LENGTH_MAX = 32 * 1024
const HEADER_VALUES_MAX = 100

/**
 * Headers that say where a message ends or what the connection does: the kernel writes them itself,
 * a plugin that could would split or swallow messages.
 */
const FRAMING_HEADERS = new Set([
  'connection',
  'content-length',
  'expect',
  'keep-alive',
  'proxy-connection',
  'te',
  'trailer',
  'transfer-encoding',
  'upgrade',
])

export function badArgument(member: string, wanted: string, value: unknown): PdkError {
  return new PdkError('BAD_ARGUMENT', `${member}: expected ${wanted}, got ${quote(value)}`)
}

/** A handler that has answered the request changes nothing any more. */
export function refuseAfterExit(call: PluginCall, member: string): void {
  if (!call.exited) return
  throw new PdkError('ALREADY_EXITED', `${member} was called after response.exit`)
}

export function checkHeaderName(member: string, name: unknown): string {
  if (typeof name !== 'string' || !HEADER_NAME.test(name)) {
    throw badArgument(member, 'a header name', name)
  }
  return name
}

/** A name that a plugin may set: not one of those that frame the message. */
export function checkSettableHeaderName(member: string, name: unknown): string {
  const checked = checkHeaderName(member, name)
  if (FRAMING_HEADERS.has(checked.toLowerCase())) {
    throw badArgument(member, 'a header that does not frame the message', checked)
  }
  return checked
}

export function checkHeaderValues(member: string, value: unknown): readonly string[] {
  if (typeof value === 'string' || typeof value === 'number') {
    return [checkHeaderValue(member, value)]
  }
  if (!Array.isArray(value) || value.length > HEADER_VALUES_MAX) {
    throw badArgument(member, `a string, a number or a list of up to ${HEADER_VALUES_MAX}`, value)
  }
  return value.map((one) => checkHeaderValue(member, one))
}

/** What the upstream is asked as: exactly one, without what would end it or say more than a host. */
export function checkHost(member: string, values: readonly string[]): string {
  const [host] = values
  if (host === undefined || values.length > 1 || !/^[^\s/?#@,]+$/.test(host)) {
    throw badArgument(member, 'one hostname with an optional port as Host', host)
  }
  return host
}

export function checkHeaderRecord(
  member: string,
  headers: unknown,
): (readonly [name: string, values: readonly string[]])[] {
  if (typeof headers !== 'object' || headers === null || Array.isArray(headers)) {
    throw badArgument(member, 'an object of header names and values', headers)
  }
  return Object.entries(headers)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [
      checkSettableHeaderName(member, name),
      checkHeaderValues(member, value),
    ])
}

export function checkStatus(member: string, status: unknown, from = 100): number {
  if (typeof status !== 'number' || !Number.isInteger(status) || status < from || status > 599) {
    throw badArgument(member, `a status from ${from} to 599`, status)
  }
  return status
}

export function checkString(member: string, what: string, value: unknown): string {
  if (typeof value !== 'string') throw badArgument(member, what, value)
  return value
}

const HEADERS_DEFAULT = 100
const HEADERS_MAX = 1_000

export function checkHeaderLimits(member: string, limits: HeaderLimits | undefined): number {
  const max = limits?.maxHeaders ?? HEADERS_DEFAULT
  if (!Number.isInteger(max) || max < 1 || max > HEADERS_MAX) {
    throw badArgument(member, `maxHeaders from 1 to ${HEADERS_MAX}`, max)
  }
  return max
}

function checkHeaderValue(member: string, value: unknown): string {
  const text = typeof value === 'number' ? String(value) : value
  if (typeof text !== 'string' || !HEADER_VALUE.test(text)) {
    throw badArgument(member, 'a header value of visible latin1 characters', value)
  }
  if (text.length > HEADER_VALUE_LENGTH_MAX) {
    throw badArgument(member, `a header value of up to ${HEADER_VALUE_LENGTH_MAX} bytes`, text)
  }
  return text
}

function quote(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 100))
  if (Array.isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  return typeof value === 'function' ? 'a function' : String(value)
}
