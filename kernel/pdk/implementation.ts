import type { PdkFunction, PdkMember } from '@sallyport/sdk'
import type { PluginCall } from '../plugin-call.ts'
import { bodiesPdk } from './bodies.ts'
import { cachePdk } from './cache.ts'
import { clientPdk } from './client.ts'
import { contextPdk } from './context.ts'
import { cryptoPdk } from './crypto.ts'
import { httpPdk } from './http.ts'
import { logPdk } from './log.ts'
import { metered } from './metered.ts'
import { requestPdk } from './request.ts'
import { responsePdk } from './response.ts'
import { servicePdk } from './service.ts'
import { serviceRequestPdk } from './service-request.ts'
import { storePdk } from './store.ts'
import { tracingPdk } from './tracing.ts'
import { vaultPdk } from './vault.ts'

/** What a PDK member does: the same arguments as the plugin gave, after the call it belongs to. */
export type PdkImplementation = {
  readonly [Member in PdkMember]: (
    call: PluginCall,
    ...args: Parameters<PdkFunction<Member>>
  ) => ReturnType<PdkFunction<Member>>
}

/** Every member of the PDK table; used by inline handlers and to apply what a sandbox sends. */
export const PDK_IMPLEMENTATION: PdkImplementation = {
  ...clientPdk,
  ...requestPdk,
  ...bodiesPdk,
  ...responsePdk,
  ...servicePdk,
  ...serviceRequestPdk,
  ...contextPdk,
  ...logPdk,
  ...tracingPdk,
  ...metered('http', httpPdk),
  ...metered('cache', cachePdk),
  ...metered('store', storePdk),
  ...metered('vault', vaultPdk),
  ...cryptoPdk,
}
