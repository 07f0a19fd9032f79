import type { LifecyclePdk } from '@sallyport/sdk'
import { getMemoryStats } from './pdk/context.ts'
import type { Environment } from './environment.ts'
import { PLUGIN_LEVELS, type PluginLevel } from './telemetry/plugin-levels.ts'

/** The PDK of `init`, `configure` and `close`: what needs no request. */
export function createLifecyclePdk(pluginName: string, environment: Environment): LifecyclePdk {
  const log = environment.log.child({ plugin: pluginName })
  const at =
    (level: PluginLevel) =>
    (...parts: unknown[]) =>
      log[PLUGIN_LEVELS[level]](parts.map(String).join(''))
  const logPdk: LifecyclePdk['log'] = {
    debug: at('debug'),
    info: at('info'),
    notice: at('notice'),
    warn: at('warn'),
    err: at('err'),
    crit: at('crit'),
    alert: at('alert'),
    emerg: at('emerg'),
  }
  return {
    log: logPdk,
    node: {
      getId: () => environment.nodeId,
      getHostname: () => environment.hostname,
      getMemoryStats,
    },
    // There is one life cycle for all instances of a plugin, so its name stands for them.
    plugin: { getId: () => pluginName },
  }
}
