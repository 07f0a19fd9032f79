/** The levels at which plugins log, which are Kong's, as pino's: it has no `notice` and only one above `error`. */
export const PLUGIN_LEVELS = {
  debug: 'debug',
  info: 'info',
  notice: 'info',
  warn: 'warn',
  err: 'error',
  crit: 'fatal',
  alert: 'fatal',
  emerg: 'fatal',
} as const

export type PluginLevel = keyof typeof PLUGIN_LEVELS
