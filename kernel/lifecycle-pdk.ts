import type { LifecyclePdk, LogPdk } from '@sallyport/sdk'
import type { Environment } from './environment.ts'

/** The PDK of `init`, `configure` and `close`: what needs no request. */
export function createLifecyclePdk(pluginName: string, environment: Environment): LifecyclePdk {
  const log = environment.log.child({ plugin: pluginName })
  const line = (parts: readonly unknown[]) => parts.map(String).join('')
  const logPdk: LogPdk = {
    debug: (...parts) => log.debug(line(parts)),
    info: (...parts) => log.info(line(parts)),
    notice: (...parts) => log.info(line(parts)),
    warn: (...parts) => log.warn(line(parts)),
    err: (...parts) => log.error(line(parts)),
    crit: (...parts) => log.fatal(line(parts)),
  }
  return {
    log: logPdk,
    node: { getId: () => environment.nodeId, getHostname: () => environment.hostname },
    // There is one life cycle for all instances of a plugin, so its name stands for them.
    plugin: { getId: () => pluginName },
  }
}
