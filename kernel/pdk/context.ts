import { isIP } from 'node:net'
import type { MemoryStats } from '@sallyport/sdk'
import { toRouteView, toServiceView } from '../matched-route.ts'
import type { PluginCall } from '../plugin-call.ts'
import { badArgument, checkString } from '@sallyport/sdk/guest'

const UNITS: ReadonlyMap<string, number> = new Map([
  ['b', 1],
  ['k', 1024],
  ['m', 1024 ** 2],
  ['g', 1024 ** 3],
])

export const contextPdk = {
  'router.getRoute': (call: PluginCall) => {
    const { matched } = call.ctx
    return matched === null ? null : toRouteView(matched.route)
  },

  'router.getService': (call: PluginCall) => {
    const service = call.ctx.matched?.service ?? null
    return service === null ? null : toServiceView(service)
  },

  'balancer.getTarget': (call: PluginCall) => {
    const { target } = call.ctx
    if (target === null) return null
    return { host: target.hostname, port: target.port, tryNumber: target.tryNumber }
  },

  'ip.isTrusted': (call: PluginCall, address: string) => {
    const checked = checkString('ip.isTrusted', 'an address', address)
    return isIP(checked) !== 0 && call.environment.isTrustedAddress(checked)
  },

  'node.getId': (call: PluginCall) => call.environment.nodeId,

  'node.getHostname': (call: PluginCall) => call.environment.hostname,

  'node.getMemoryStats': (_call: PluginCall, unit?: 'b' | 'k' | 'm' | 'g') => getMemoryStats(unit),

  'plugin.getId': (call: PluginCall) => call.step.instanceId,
}

/** Of this process. */
export async function getMemoryStats(unit: 'b' | 'k' | 'm' | 'g' = 'b'): Promise<MemoryStats> {
  const divisor = UNITS.get(unit)
  if (divisor === undefined) throw badArgument('node.getMemoryStats', 'b, k, m or g', unit)
  const { rss, heapUsed, heapTotal, external } = process.memoryUsage()
  return {
    rss: rss / divisor,
    heapUsed: heapUsed / divisor,
    heapTotal: heapTotal / divisor,
    external: external / divisor,
  }
}
