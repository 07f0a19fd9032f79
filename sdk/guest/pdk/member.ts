import {
  type CallView,
  getHeader,
  type HeaderList,
  type PdkMember,
  removeHeader,
  setHeader,
} from '../../index.ts'
import {
  badArgument,
  checkHeaderName,
  checkHeaderRecord,
  checkHeaderValues,
  checkSettableHeaderName,
} from '../arguments.ts'
import { fromBase64, toBase64 } from '../base64.ts'
import type { HandlerCall } from '../handler-call.ts'
import { isArray, jsonStringify, promiseThen, test } from '../primordials.ts'
import { GuestTextEncoder } from '../text-encoding.ts'

/** What a function of the PDK does; its phase was checked before. */
export type Member = (call: HandlerCall, ...args: never[]) => unknown

/** The view of a call is parsed for it alone, so a handler's own changes are kept in it. */
type Own<T> = { -readonly [Key in keyof T]: Own<T[Key]> }

const encoder = new GuestTextEncoder()

/** What the kernel does and answers with JSON. */
export function effect(member: PdkMember): Member {
  return (call: HandlerCall, ...args: unknown[]) => call.effect(member, args)
}

/** The same of what gives bytes. */
export function bytesEffect(member: PdkMember): Member {
  return (call: HandlerCall, ...args: unknown[]) =>
    promiseThen(
      call.effect(member, args),
      (value) => fromBase64((value as { base64?: string }).base64 ?? '') ?? new Uint8Array(),
    )
}

/** In JSON it is at most twice as long, so a short one fits wherever its bytes fit. */
const SHORT_TEXT = 256 * 1024
const PLAIN_TEXT = /^[\t\n\r\x20-\x7e]*$/

/** Bytes as they cross: as `{ base64 }`, or as the text that they are. */
type CrossingBytes = string | { readonly base64: string }

/** Records bytes as they are now; returns them as they cross. */
export function setBytes(call: HandlerCall, member: PdkMember, bytes: unknown): CrossingBytes {
  if (typeof bytes !== 'string' && !(bytes instanceof Uint8Array)) {
    throw badArgument(member, 'bytes or a string', bytes)
  }
  const crossing = toCrossing(bytes)
  call.change(false, member, crossing)
  return crossing
}

/** To encode a text takes an interpreter longer than all the rest of its way, so it is left to the kernel. */
function toCrossing(bytes: string | Uint8Array): CrossingBytes {
  if (typeof bytes !== 'string') return { base64: toBase64(bytes) }
  return crossesAsItIs(bytes) ? bytes : { base64: toBase64(encoder.encode(bytes)) }
}

function crossesAsItIs(text: string): boolean {
  if (test(PLAIN_TEXT, text) === null) return false
  return text.length <= SHORT_TEXT || jsonStringify(text).length <= (text.length * 4) / 3
}

export function fromCrossing(bytes: CrossingBytes): Uint8Array {
  return typeof bytes === 'string'
    ? encoder.encode(bytes)
    : (fromBase64(bytes.base64) ?? new Uint8Array())
}

export function headerOf(list: readonly string[], member: string, name: unknown): string | null {
  return getHeader(list, checkHeaderName(member, name).toLowerCase())
}

type OneHeader = [name: unknown, value: unknown]

export function setOne(
  call: HandlerCall,
  member: PdkMember,
  header: OneHeader,
  own: HeaderList | null,
): void {
  const [name, values] = recordOne(call, member, header)
  if (own !== null) setHeader(own, name, values)
}

export function addOne(
  call: HandlerCall,
  member: PdkMember,
  header: OneHeader,
  own: HeaderList | null,
): void {
  const [name, values] = recordOne(call, member, header)
  if (own === null) return
  for (const one of isArray(values) ? values : [values]) own.push(name, one)
}

function recordOne(call: HandlerCall, member: PdkMember, [name, value]: OneHeader) {
  const checked = checkSettableHeaderName(member, name)
  const values = checkHeaderValues(member, value)
  call.change(false, member, checked, values)
  return [checked, values] as const
}

export function clearOne(
  call: HandlerCall,
  member: PdkMember,
  name: unknown,
  own: HeaderList | null,
): void {
  const checked = checkSettableHeaderName(member, name)
  call.change(false, member, checked)
  if (own !== null) removeHeader(own, checked.toLowerCase())
}

export function setMany(
  call: HandlerCall,
  member: PdkMember,
  headers: unknown,
  own: HeaderList | null,
): void {
  const checked = checkHeaderRecord(member, headers)
  call.change(false, member, Object.fromEntries(checked))
  if (own === null) return
  for (const [name, values] of checked) setHeader(own, name, values)
}

export function ownView(call: HandlerCall): Own<CallView> {
  return call.view as Own<CallView>
}
