import { badArgument } from './arguments.ts'
import { toBase64 } from './base64.ts'
import { jsonParse, jsonStringify, objectKeys } from './primordials.ts'
import { GuestTextEncoder } from './text-encoding.ts'

type Headers = readonly [name: string, values: string | string[]][]

const encoder = new GuestTextEncoder()
const JSON_TYPE = 'application/json; charset=utf-8'

/**
 * Body and headers of `response.exit` as they cross: a string, bytes as `{ base64 }`, or JSON. It is
 * taken here as it is now: what the handler does to the object afterwards changes nothing.
 */
export function encodeBody(body: unknown, headers: Headers): unknown[] {
  const given = headers.length === 0 ? undefined : Object.fromEntries(headers)
  const crossing = encodeOnly(body, headers)
  if (crossing.headers !== undefined) return [crossing.body, crossing.headers]
  if (given !== undefined) return [crossing.body, given]
  return crossing.body === null ? [] : [crossing.body]
}

function encodeOnly(
  body: unknown,
  headers: Headers,
): { body: unknown; headers?: Record<string, unknown> } {
  if (body === undefined || body === null) return { body: null }
  if (typeof body === 'string') return { body }
  if (body instanceof Uint8Array) return { body: { base64: toBase64(body) } }
  const json = jsonStringify(body) as string | undefined
  if (json === undefined) {
    throw badArgument('response.exit', 'a body that can be JSON, a string or bytes', body)
  }
  const plain: unknown = jsonParse(json)
  if (!looksLikeBytes(plain)) return { body: plain }
  // An object that is spelled like bytes goes as the bytes of its JSON, with the type it would get.
  const hasType = headers.some(([name]) => name.toLowerCase() === 'content-type')
  const bytes = { base64: toBase64(encoder.encode(json)) }
  if (hasType) return { body: bytes }
  return { body: bytes, headers: { ...Object.fromEntries(headers), 'Content-Type': JSON_TYPE } }
}

function looksLikeBytes(plain: unknown): boolean {
  if (typeof plain !== 'object' || plain === null) return false
  const keys = objectKeys(plain)
  return keys.length === 1 && keys[0] === 'base64'
}
