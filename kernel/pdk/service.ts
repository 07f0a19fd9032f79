import { getHeader, type HeaderLimits, PdkError, toHeaderObject } from '@sallyport/sdk'
import { isIP } from 'node:net'
import type { PluginCall } from '../plugin-call.ts'
import {
  badArgument,
  checkHeaderLimits,
  checkHeaderName,
  checkString,
  checkWhole,
} from '@sallyport/sdk/guest'
import { refuseAfterExit } from './arguments.ts'

const HOSTNAME = /^[A-Za-z0-9_][A-Za-z0-9_.-]{0,252}$/
const RETRIES = [0, 32_767] as const
const TIMEOUT_MS = [1, 2_147_483_646] as const
const PORT = [1, 65_535] as const

/** Where the request goes, and what came from there. */
export const servicePdk = {
  'service.setUpstream': (call: PluginCall, name: string): void => {
    const member = 'service.setUpstream'
    const checked = checkString(member, 'the name of an upstream', name)
    refuseAfterExit(call, member)
    if (!call.ctx.snapshot.upstreams.has(checked)) {
      throw new PdkError('NOT_FOUND', `${member}: there is no upstream "${checked.slice(0, 100)}"`)
    }
    call.ctx.ownChanges.upstream = checked
    call.ctx.ownChanges.target = null
  },

  'service.setTarget': (call: PluginCall, host: string, port: number): void => {
    const member = 'service.setTarget'
    const hostname = checkString(member, 'a hostname or address', host).replace(/^\[|\]$/g, '')
    if (isIP(hostname) === 0 && (!HOSTNAME.test(hostname) || hostname.includes('..'))) {
      throw badArgument(member, 'a hostname or address', host)
    }
    const checked = checkWhole(member, 'a port', port, PORT)
    if (call.step.tenant !== null) {
      // It would reach whatever the gateway reaches.
      throw new PdkError('NOT_GRANTED', `${member}: a tenant's plugin may not choose an address`)
    }
    refuseAfterExit(call, member)
    call.ctx.ownChanges.target = { hostname, port: checked }
  },

  'service.setRetries': (call: PluginCall, retries: number): void => {
    const member = 'service.setRetries'
    const checked = checkWhole(member, 'retries', retries, RETRIES)
    refuseAfterExit(call, member)
    call.ctx.ownChanges.retries = checked
  },

  'service.setTimeouts': (
    call: PluginCall,
    connectMs: number,
    writeMs: number,
    readMs: number,
  ): void => {
    const member = 'service.setTimeouts'
    const timeouts = {
      connectMs: checkWhole(member, 'connectMs', connectMs, TIMEOUT_MS),
      writeMs: checkWhole(member, 'writeMs', writeMs, TIMEOUT_MS),
      readMs: checkWhole(member, 'readMs', readMs, TIMEOUT_MS),
    }
    refuseAfterExit(call, member)
    call.ctx.ownChanges.timeouts = timeouts
  },

  'service.response.getStatus': (call: PluginCall) => call.ctx.serviceStatus,

  'service.response.getHeader': (call: PluginCall, name: string) => {
    const checked = checkHeaderName('service.response.getHeader', name)
    const headers = call.ctx.serviceHeadersReceived
    return headers === null ? null : getHeader(headers, checked.toLowerCase())
  },

  'service.response.getHeaders': (call: PluginCall, limits?: HeaderLimits) =>
    toHeaderObject(
      call.ctx.serviceHeadersReceived ?? [],
      checkHeaderLimits('service.response.getHeaders', limits),
    ),
}
