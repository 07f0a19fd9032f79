import type { Plugin } from '@sallyport/sdk'
import correlationId from './correlation-id.ts'
import keyAuth from './key-auth.ts'

/** The plugins that come with the gateway; they have no privilege that a stranger's lacks. */
export const BUNDLED_PLUGINS = [correlationId, keyAuth] as unknown as readonly Plugin[]
