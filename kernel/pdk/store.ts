import { type CacheOptions, type ListOptions, PdkError, type StoreOptions } from '@sallyport/sdk'
import { notGranted } from '../effects/grants.ts'
import type { PluginStore } from '../effects/plugin-store.ts'
import type { PluginCall } from '../plugin-call.ts'
import { badArgument, checkString, checkWhole } from '@sallyport/sdk/guest'
import { checkJson, checkKey, checkOptions } from './effect-arguments.ts'

/** Keys of one answer, unless asked otherwise. */
const LISTED_DEFAULT = 100

type StoreMember = `store.${'get' | 'set' | 'add' | 'delete' | 'list'}`

export const storePdk = {
  'store.get': async (call: PluginCall, key: string): Promise<unknown> => {
    const checked = checkKey('store.get', key)
    const store = await open(call, 'store.get')
    const json = await store.get(call.permissions, checked)
    return json === null ? null : (JSON.parse(json) as unknown)
  },

  'store.set': async (
    call: PluginCall,
    key: string,
    value: unknown,
    options?: StoreOptions,
  ): Promise<boolean> => {
    const member = 'store.set'
    const checked = checkKey(member, key)
    const json = checkJson(member, value)
    const size = Buffer.byteLength(json)
    const most = call.limits.storeValueBytesMax
    if (size > most) {
      const text = `${member}: the value is ${size} bytes of JSON; up to ${most} are allowed`
      throw new PdkError('LIMIT', text)
    }
    const { ifAbsent = false } = checkOptions(member, options)
    if (typeof ifAbsent !== 'boolean') throw badArgument(member, 'ifAbsent true or false', ifAbsent)
    const expiresAtMs = checkStoreTtl(call, member, options)
    const store = await open(call, member)
    return store.set(call.permissions, checked, {
      json,
      expiresAtMs,
      ifAbsent,
      limits: call.limits,
    })
  },

  'store.add': async (
    call: PluginCall,
    key: string,
    amount: number,
    options?: CacheOptions,
  ): Promise<number> => {
    const member = 'store.add'
    const checked = checkKey(member, key)
    if (typeof amount !== 'number' || !Number.isFinite(amount)) {
      throw badArgument(member, 'a finite number', amount)
    }
    const expiresAtMs = checkStoreTtl(call, member, options)
    const store = await open(call, member)
    return store.add(call.permissions, checked, { amount, expiresAtMs, limits: call.limits })
  },

  'store.delete': async (call: PluginCall, key: string): Promise<boolean> => {
    const checked = checkKey('store.delete', key)
    const store = await open(call, 'store.delete')
    return store.delete(call.permissions, checked)
  },

  'store.list': async (call: PluginCall, options?: ListOptions): Promise<string[]> => {
    const member = 'store.list'
    const { keyLengthMax, storeListMax } = call.limits
    const byDefault = Math.min(LISTED_DEFAULT, storeListMax)
    const { prefix = '', after = '', limit = byDefault } = checkOptions(member, options)
    const range = {
      prefix: checkString(member, 'prefix as text', prefix).slice(0, keyLengthMax + 1),
      after: checkString(member, 'after as text', after).slice(0, keyLengthMax + 1),
      limit: checkWhole(member, 'limit', limit, [1, storeListMax]),
    }
    const store = await open(call, member)
    return store.list(call.permissions, range)
  },
}

function checkStoreTtl(call: PluginCall, member: StoreMember, options: unknown): number | null {
  const { ttlMs } = checkOptions(member, options)
  if (ttlMs === undefined) return null
  return Date.now() + checkWhole(member, 'ttlMs', ttlMs, [1, call.limits.storeTtlMsMax])
}

/** Async to the end: nothing of it is done before what was wrong with the arguments is said. */
async function open(call: PluginCall, member: StoreMember): Promise<PluginStore> {
  if (!call.permissions.store) throw notGranted(member, call.permissions, 'store: true')
  call.budget.spend(member, 'store')
  try {
    return await call.environment.effects.store
  } catch (error) {
    call.environment.log.error({ err: error }, 'the plugin store cannot be opened')
    throw new PdkError('STORE_FAILED', `${member}: the store cannot be used at the moment`)
  }
}
