import type { Logger } from 'pino'

/** A line that a plugin wrote, or that is about its sandbox; the levels are Kong's. */
export interface PluginLogLine {
  readonly level: 'debug' | 'info' | 'notice' | 'warn' | 'err' | 'crit'
  /** The name of the plugin host, like `tenant:acme`. */
  readonly host: string
  readonly text: string
}

/** Puts the lines of sandboxes into the gateway's log; what a plugin says is data there. */
export function createPluginLog(log: Logger): (line: PluginLogLine) => void {
  return ({ level, host, text }) => log[LEVELS[level]]({ pluginHost: host }, text)
}

/** Pino has no `notice` and no `crit`. */
const LEVELS = {
  debug: 'debug',
  info: 'info',
  notice: 'info',
  warn: 'warn',
  err: 'error',
  crit: 'fatal',
} as const
