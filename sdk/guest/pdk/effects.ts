import { badArgument, checkRecord, checkString } from '../arguments.ts'
import { fromBase64, toBase64 } from '../base64.ts'
import type { HandlerCall } from '../handler-call.ts'
import { jsonStringify, promiseThen } from '../primordials.ts'
import { bytesEffect, effect, type Member } from './member.ts'

type EffectMember = Parameters<typeof effect>[0]

/** What reaches beyond the request: the kernel checks and does it. */
export const effectMembers = {
  'http.fetch': (call: HandlerCall, url: unknown, options?: unknown) =>
    promiseThen(call.effect('http.fetch', [checkUrl(url), toCrossingOptions(options)]), (value) => {
      const answer = value as { body: unknown }
      answer.body = bytesOf(answer.body)
      return answer
    }),
  'cache.get': effect('cache.get'),
  'cache.set': withValue('cache.set'),
  'cache.delete': effect('cache.delete'),
  'store.get': effect('store.get'),
  'store.set': withValue('store.set'),
  'store.add': effect('store.add'),
  'store.delete': effect('store.delete'),
  'store.list': effect('store.list'),
  'vault.get': effect('vault.get'),
  'crypto.hash': overBytes('crypto.hash', bytesOf),
  'crypto.hmac': overBytes('crypto.hmac', bytesOf),
  'crypto.equals': overBytes('crypto.equals', (value) => value),
  'crypto.randomBytes': bytesEffect('crypto.randomBytes'),
  'crypto.verify': (call: HandlerCall, signed: unknown) => {
    const record = checkRecord('crypto.verify', 'an object', signed)
    const { key, signature, data }: { key?: unknown; signature?: unknown; data?: unknown } = record
    const crossing = {
      key: toCrossing(key),
      signature: toCrossing(signature),
      data: toCrossing(data),
    }
    return call.effect('crypto.verify', [{ ...record, ...crossing }])
  },
} satisfies Record<string, Member>

/** A `URL` is as good as its text. */
function checkUrl(url: unknown): string {
  const text = typeof url === 'object' && url !== null && 'href' in url ? url.href : url
  return checkString('http.fetch', 'a URL', text)
}

function toCrossingOptions(options: unknown): unknown {
  if (options === undefined || options === null) return {}
  const record = checkRecord('http.fetch', 'an object of options', options)
  const { body }: { body?: unknown } = record
  return body instanceof Uint8Array ? { ...record, body: toCrossing(body) } : record
}

/** Undefined is lost on the way, so it is refused before. */
function withValue(member: EffectMember): Member {
  return (call: HandlerCall, key: unknown, value: unknown, options?: unknown) => {
    if ((jsonStringify(value) as string | undefined) === undefined) {
      throw badArgument(member, 'a value that JSON can hold', value)
    }
    return call.effect(member, [key, value, options])
  }
}

function overBytes(member: EffectMember, read: (value: unknown) => unknown): Member {
  return (call: HandlerCall, ...args: unknown[]) =>
    promiseThen(call.effect(member, args.map(toCrossing)), read)
}

function toCrossing(value: unknown): unknown {
  return value instanceof Uint8Array ? { base64: toBase64(value) } : value
}

function bytesOf(value: unknown): Uint8Array {
  return fromBase64((value as { base64?: string } | null)?.base64 ?? '') ?? new Uint8Array()
}
