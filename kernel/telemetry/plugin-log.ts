import type { Logger } from 'pino'
import { PLUGIN_LEVELS, type PluginLevel } from './plugin-levels.ts'

/** A line that a plugin wrote, or that is about its sandbox; the levels are Kong's. */
export interface PluginLogLine {
  readonly level: PluginLevel
  /** The name of the plugin host, like `tenant:acme`. */
  readonly host: string
  readonly text: string
}

/** Puts the lines of sandboxes into the gateway's log; what a plugin says is data there. */
export function createPluginLog(log: Logger): (line: PluginLogLine) => void {
  return ({ level, host, text }) =>
    log[PLUGIN_LEVELS[level]]({ pluginHost: host, tenant: toTenant(host) }, text)
}

const TENANT = 'tenant:'

/** Null for the sandbox of a plugin that no tenant owns. */
function toTenant(host: string): string | null {
  return host.startsWith(TENANT) ? host.slice(TENANT.length) : null
}
