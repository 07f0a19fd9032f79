import { type BodyLimits, type HeaderLimits, PdkError, type QueryLimits } from '@sallyport/sdk'
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

const LOOKED_AT_DEFAULT = 100
const LOOKED_AT_MAX = 1_000

export function checkHeaderLimits(member: string, limits: HeaderLimits | undefined): number {
  return checkCount(member, 'maxHeaders', limits?.maxHeaders)
}

export function checkQueryLimits(member: string, limits: QueryLimits | undefined): number {
  return checkCount(member, 'maxArgs', limits?.maxArgs)
}

function checkCount(member: string, name: string, value: number | undefined): number {
  const max = value ?? LOOKED_AT_DEFAULT
  if (!Number.isInteger(max) || max < 1 || max > LOOKED_AT_MAX) {
    throw badArgument(member, `${name} from 1 to ${LOOKED_AT_MAX}`, max)
  }
  return max
}

/** What a plugin gets without saying how much it can take. */
const BODY_BYTES_DEFAULT = 1024 * 1024
/** Beyond it a body is not for reading as a whole; what crosses into a sandbox is smaller. */
const BODY_BYTES_MAX = 64 * 1024 * 1024

export function checkBodyLimits(
  call: PluginCall,
  member: string,
  limits: BodyLimits | undefined,
): number {
  const most = call.step.host.tier === 'inline' ? BODY_BYTES_MAX : BODY_BYTES_DEFAULT
  const max = limits?.maxBytes ?? BODY_BYTES_DEFAULT
  if (!Number.isInteger(max) || max < 1 || max > most) {
    throw badArgument(member, `maxBytes from 1 to ${most}`, max)
  }
  return max
}

export function checkWhole(
  member: string,
  what: string,
  value: unknown,
  [from, to]: readonly [from: number, to: number],
): number {
  if (typeof value === 'number' && Number.isInteger(value) && value >= from && value <= to) {
    return value
  }
  throw badArgument(member, `${what} from ${from} to ${to}`, value)
}

export function checkBytes(member: string, value: unknown): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value)
  if (value instanceof Uint8Array) return value
  throw badArgument(member, 'bytes or a string', value)
}

export function checkRecord(member: string, what: string, value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>
  }
  throw badArgument(member, what, value)
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
