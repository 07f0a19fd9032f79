import type { CacheOptions } from '@sallyport/sdk'
import { notGranted } from '../effects/grants.ts'
import type { PluginCall } from '../plugin-call.ts'
import { checkWhole } from '@sallyport/sdk/guest'
import { checkJson, checkKey, checkOptions } from './effect-arguments.ts'

type CacheMember = 'cache.get' | 'cache.set' | 'cache.delete'

export const cachePdk = {
  'cache.get': async (call: PluginCall, key: string): Promise<unknown> => {
    const checked = checkKey('cache.get', key)
    return open(call, 'cache.get').get(call.permissions, checked)
  },

  'cache.set': async (
    call: PluginCall,
    key: string,
    value: unknown,
    options?: CacheOptions,
  ): Promise<void> => {
    const checked = checkKey('cache.set', key)
    const json = checkJson('cache.set', value)
    const ttlMs = checkCacheTtl(call, 'cache.set', options)
    open(call, 'cache.set').set(call.permissions, checked, { json, ttlMs, limits: call.limits })
  },

  'cache.delete': async (call: PluginCall, key: string): Promise<void> => {
    const checked = checkKey('cache.delete', key)
    open(call, 'cache.delete').delete(call.permissions, checked)
  },
}

function checkCacheTtl(call: PluginCall, member: CacheMember, options: unknown): number {
  const { cacheTtlMs, cacheTtlMsMax } = call.limits
  const { ttlMs = cacheTtlMs } = checkOptions(member, options)
  return checkWhole(member, 'ttlMs', ttlMs, [1, cacheTtlMsMax])
}

function open(call: PluginCall, member: CacheMember) {
  if (!call.permissions.cache) throw notGranted(member, call.permissions, 'cache: true')
  call.budget.spend(member, 'cache')
  return call.environment.effects.cache
}
