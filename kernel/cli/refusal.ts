import { GrantError } from '../effects/grants.ts'
import { PluginLoadError } from '../process/plugin-listing.ts'
import { ConfigurationRefused } from '../process/reloader.ts'
import { EXIT_FAILED, type Terminal } from './terminal.ts'

/**
 * Says why a configuration or a plugin was refused, for a command that is about the file itself: its
 * errors name it. Returns the exit code; throws what is no refusal.
 */
export function tellRefusal(error: unknown, terminal: Terminal): number {
  if (error instanceof ConfigurationRefused) terminal.error(`${error.lines.join('\n')}\n`)
  else if (error instanceof PluginLoadError || error instanceof GrantError) {
    terminal.error(`sallyport: ${error.message}\n`)
  } else throw error
  return EXIT_FAILED
}
