import { type PluginGrants, refuseUnknownPlugins } from '../effects/grants.ts'
import type { Variables } from '../effects/vault.ts'
import type { LimitBook } from '../limit-book.ts'
import type { PluginSetting } from '../setting-values.ts'
import { type PluginListing, PluginLoadError, listPlugins } from '../process/plugin-listing.ts'
import type { Parts } from '../process/parts.ts'
import { readConfiguration } from '../process/read-configuration.ts'
import { ConfigurationRefused } from '../process/reloader.ts'
import { createSecretCheck } from '../process/secret-check.ts'
import { countOf, ok, problem, skipped, type Told, warning } from './finding.ts'

export interface ConfigurationChoices {
  /** Path of the declarative file, and how messages name it; null when none was given. */
  readonly file: { readonly path: string; readonly shown: string } | null
  readonly plugins: readonly PluginSetting[]
  readonly grants: PluginGrants
  readonly vaultEnvPrefix: string
  /** Where secrets are looked for. */
  readonly variables: Variables
  readonly limits: LimitBook
}

/** Whether the plugins load and the declarative file is valid, as `start` sees it. */
export async function tellConfiguration(
  parts: Parts,
  choices: ConfigurationChoices,
): Promise<Told[]> {
  const { file, plugins, grants } = choices
  let listings: PluginListing[]
  try {
    listings = await listPlugins(parts, plugins, choices.limits.changes)
  } catch (error) {
    if (!(error instanceof PluginLoadError)) throw error
    const step =
      'put it right or leave the flag out; nothing starts with a plugin that does not load'
    return [
      problem('plugin', error.message, step),
      skipped('config', 'not read: it can only be checked with its plugins'),
    ]
  }
  const loaded = listings.filter(({ bundled }) => !bundled)
  const names = loaded.map(({ manifest, tier }) => `${manifest.name} ${manifest.version} (${tier})`)
  return [
    ok('plugin', names.length === 0 ? 'the bundled ones only' : `loads: ${names.join(', ')}`),
    ...tellGrants(grants, listings),
    file === null
      ? skipped('config', 'not given', '--config FILE has the declarative file checked')
      : await tellFile(file, listings, choices),
  ]
}

/** Nothing is told where nothing is granted. */
function tellGrants(grants: PluginGrants, listings: readonly PluginListing[]): Told[] {
  const keys = Object.keys(grants)
  if (keys.length === 0) return []
  try {
    refuseUnknownPlugins(grants, new Set(listings.map(({ manifest }) => manifest.name)))
    return [ok('plugin_grants', `for ${keys.join(', ')}`)]
  } catch (error) {
    const { message } = error as Error
    const step = 'load the plugin (--plugin PATH), or take the grant away'
    return [problem('plugin_grants', message.replace(/^plugin_grants: /, ''), step)]
  }
}

/**
 * Tells how many errors there are and where, not what they say: they quote what is in the file, and a
 * report is made to be shown to others.
 */
async function tellFile(
  { path, shown }: NonNullable<ConfigurationChoices['file']>,
  listings: readonly PluginListing[],
  choices: Omit<ConfigurationChoices, 'file' | 'plugins'>,
): Promise<Told> {
  const step = `sallyport check ${shown}, with the same --plugin flags, names each`
  const { limits, ...secrets } = choices
  try {
    const checkInstance = createSecretCheck(listings, { ...secrets, needsSecrets: true })
    const { warnings } = await readConfiguration(path, shown, {
      plugins: listings,
      limits,
      checkInstance,
    })
    if (warnings.length === 0) return ok('config', `${shown}: valid`)
    return warning('config', `${shown}: valid, with ${countOf(warnings.length, 'warning')}`, step)
  } catch (error) {
    if (!(error instanceof ConfigurationRefused)) throw error
    const [first = ''] = error.lines
    const place = /^.*?:\d+:\d+(?=: )/.exec(first)?.[0]
    if (place === undefined)
      return problem('config', first, 'give --config a file that can be read')
    const many = error.lines.length > 1
    const text = `${countOf(error.lines.length, 'error')}, ${many ? 'the first ' : ''}at ${place}`
    return problem('config', text, step)
  }
}
