import { type HeaderLimits, PdkError, type QueryLimits } from '../index.ts'
import {
  isArray,
  jsonStringify,
  objectEntries,
  SafeMap,
  slice,
  test,
  toText,
} from './primordials.ts'

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
const FRAMING_HEADER =
  /^(?:connection|content-length|expect|keep-alive|proxy-connection|te|trailer|transfer-encoding|upgrade)$/i

/*
 * What the functions of the PDK take, in the kernel and in a guest alike: what a guest lets through and
 * the kernel then refuses would be a 500 without a word to the plugin.
 */

export function badArgument(member: string, wanted: string, value: unknown): PdkError {
  return new PdkError('BAD_ARGUMENT', `${member}: expected ${wanted}, got ${quote(value)}`)
}

/** Good names that were seen, and whether a plugin may set them: it uses the same few again and again. */
const knownNames = new SafeMap<string, boolean>()
let knownCount = 0
const KNOWN_MAX = 256
const KNOWN_LENGTH_MAX = 64

/** The name as it was given. */
export function checkHeaderName(member: string, name: unknown): string {
  isSettable(member, name)
  return name as string
}

/** A name that a plugin may set: not one of those that frame the message. */
export function checkSettableHeaderName(member: string, name: unknown): string {
  if (!isSettable(member, name)) {
    throw badArgument(member, 'a header that does not frame the message', name)
  }
  return name as string
}

function isSettable(member: string, name: unknown): boolean {
  const known = knownNames.get(name as string)
  if (known !== undefined) return known
  if (typeof name !== 'string' || test(HEADER_NAME, name) === null) {
    throw badArgument(member, 'a header name', name)
  }
  const settable = test(FRAMING_HEADER, name) === null
  if (name.length > KNOWN_LENGTH_MAX) return settable
  if (knownCount++ >= KNOWN_MAX) {
    knownNames.clear()
    knownCount = 1
  }
  knownNames.set(name, settable)
  return settable
}

/** One value stays a string, so that what crosses is short. */
export function checkHeaderValues(member: string, value: unknown): string | string[] {
  if (!isArray(value)) {
    if (typeof value === 'string' || typeof value === 'number') {
      return checkHeaderValue(member, value)
    }
    throw badArgument(member, `a string, a number or a list of up to ${HEADER_VALUES_MAX}`, value)
  }
  if (value.length > HEADER_VALUES_MAX) {
    throw badArgument(member, `a string, a number or a list of up to ${HEADER_VALUES_MAX}`, value)
  }
  const values: string[] = []
  for (let i = 0; i < value.length; i++) values[i] = checkHeaderValue(member, value[i])
  return values
}

/** Sorted by name, as in Kong: the order of properties of an object means nothing. */
export function checkHeaderRecord(member: string, headers: unknown): [string, string | string[]][] {
  if (typeof headers !== 'object' || headers === null || isArray(headers)) {
    throw badArgument(member, 'an object of header names and values', headers)
  }
  return objectEntries(headers)
    .toSorted(([a], [b]) => (a < b ? -1 : 1))
    .map(([name, value]) => [
      checkSettableHeaderName(member, name),
      checkHeaderValues(member, value),
    ])
}

export function checkStatus(member: string, status: unknown, from = 200): number {
  return checkWhole(member, 'a status', status, [from, 599])
}

export function checkString(member: string, what: string, value: unknown): string {
  if (typeof value !== 'string') throw badArgument(member, what, value)
  return value
}

export function checkHeaderLimits(member: string, limits: HeaderLimits | undefined): number {
  return checkWhole(member, 'maxHeaders', limits?.maxHeaders ?? LOOKED_AT_DEFAULT, LOOKED_AT)
}

export function checkQueryLimits(member: string, limits: QueryLimits | undefined): number {
  return checkWhole(member, 'maxArgs', limits?.maxArgs ?? LOOKED_AT_DEFAULT, LOOKED_AT)
}

export function checkWhole(
  member: string,
  what: string,
  value: unknown,
  [from, to]: readonly [from: number, to: number],
): number {
  if (typeof value !== 'number' || value % 1 !== 0 || !(value >= from && value <= to)) {
    throw badArgument(member, `${what} from ${from} to ${to}`, value)
  }
  return value
}

/** What a plugin gets of headers and arguments without saying how many it can take. */
const LOOKED_AT_DEFAULT = 100
const LOOKED_AT = [1, 1_000] as const

export function checkRecord(member: string, what: string, value: unknown): Record<string, unknown> {
  if (typeof value === 'object' && value !== null && !isArray(value)) {
    return value as Record<string, unknown>
  }
  throw badArgument(member, what, value)
}

function checkHeaderValue(member: string, value: unknown): string {
  const text = typeof value === 'number' ? toText(value) : value
  if (typeof text !== 'string' || test(HEADER_VALUE, text) === null) {
    throw badArgument(member, 'a header value of visible latin1 characters', value)
  }
  if (text.length > HEADER_VALUE_LENGTH_MAX) {
    throw badArgument(member, `a header value of up to ${HEADER_VALUE_LENGTH_MAX} bytes`, text)
  }
  return text
}

function quote(value: unknown): string {
  if (typeof value === 'string') return jsonStringify(slice(value, 0, 100))
  if (isArray(value)) return 'a list'
  if (typeof value === 'object' && value !== null) return 'an object'
  return typeof value === 'function' ? 'a function' : toText(value)
}
