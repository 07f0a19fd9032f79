import { resolve } from 'node:path'
import { refuseUnknownPlugins } from '../effects/grants.ts'
import { readConfiguration } from '../process/read-configuration.ts'
import { listPlugins } from '../process/plugin-listing.ts'
import { createSecretCheck } from '../process/secret-check.ts'
import { SettingError, readSettings } from '../read-settings.ts'
import type { Entities } from '../config/entities.ts'
import { readLimits } from './read-limits.ts'
import { tellRefusal } from './refusal.ts'
import type { CommandContext } from './run.ts'
import { EXIT_OK, toShown } from './terminal.ts'

/**
 * `sallyport check FILE`: validates a declarative file as `start` would, and starts nothing. Where it
 * runs the secrets need not be: one that is missing is a warning.
 */
export async function check({ args, parts, terminal }: CommandContext): Promise<number> {
  const { env, folder } = terminal
  const { settings, positionals } = readSettings({ command: 'check', args, env, folder })
  const [file, ...more] = positionals
  if (file === undefined || more.length > 0) {
    throw new SettingError(`check: expected one FILE, got ${positionals.length}`)
  }
  const limits = await readLimits(parts, settings.limits)
  try {
    const plugins = await listPlugins(parts, settings.plugin, limits.changes)
    const path = resolve(folder, file)
    const shown = toShown(path, folder)
    const { pluginGrants: grants, vaultEnvPrefix } = settings
    refuseUnknownPlugins(grants, new Set(plugins.map(({ manifest }) => manifest.name)))
    const { entities, warnings } = await readConfiguration(path, shown, {
      plugins,
      limits,
      checkInstance: createSecretCheck(plugins, {
        grants,
        vaultEnvPrefix,
        variables: env,
        needsSecrets: false,
      }),
    })
    for (const warning of warnings) terminal.error(`${warning}\n`)
    terminal.out(`${shown}: ok, ${toCounts(entities)}\n`)
    return EXIT_OK
  } catch (error) {
    return tellRefusal(error, terminal)
  }
}

/** `2 services, 1 route, 3 plugins`: what there is, and services and routes always. */
function toCounts(entities: Entities): string {
  const collections = Object.keys(entities) as (keyof Entities)[]
  return collections
    .filter((name) => entities[name].length > 0 || name === 'services' || name === 'routes')
    .map((name) => {
      const count = entities[name].length
      const words = name.replaceAll('_', ' ')
      return `${count} ${count === 1 ? words.replace(/s$/, '') : words}`
    })
    .join(', ')
}
