import { createPdkMaker } from '@sallyport/sdk/guest'
import type { PluginCall } from '../plugin-call.ts'
import { PDK_IMPLEMENTATION } from './implementation.ts'

/** The PDK object of one call. */
export const createPdk = createPdkMaker<PluginCall>(PDK_IMPLEMENTATION)
