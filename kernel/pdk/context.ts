import { toRouteView, toServiceView } from '../matched-route.ts'
import type { PluginCall } from '../plugin-call.ts'
import { PLUGIN_LEVELS, type PluginLevel } from '../telemetry/plugin-levels.ts'

/** The sandbox has the same limit; a longer line is cut, not lost. */
const LOG_LINE_LENGTH_MAX = 4_096

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

  'log.debug': logger('debug'),
  'log.info': logger('info'),
  'log.notice': logger('notice'),
  'log.warn': logger('warn'),
  'log.err': logger('err'),
  'log.crit': logger('crit'),

  'node.getId': (call: PluginCall) => call.environment.nodeId,

  'node.getHostname': (call: PluginCall) => call.environment.hostname,

  'plugin.getId': (call: PluginCall) => call.step.instanceId,
}

function logger(level: PluginLevel) {
  const pinoLevel = PLUGIN_LEVELS[level]
  return (call: PluginCall, ...parts: unknown[]): void => {
    const { log } = call.environment
    if (!log.isLevelEnabled(pinoLevel)) return
    const line = parts.map(toText).join('').slice(0, LOG_LINE_LENGTH_MAX)
    log[pinoLevel](
      { plugin: call.step.pluginName, phase: call.phase, request_id: call.ctx.id },
      line,
    )
  }
}

function toText(part: unknown): string {
  if (typeof part === 'string') return part
  if (part instanceof Error) return part.message
  try {
    return JSON.stringify(part) ?? String(part)
  } catch {
    return String(part)
  }
}
