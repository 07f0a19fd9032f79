import type { CheckInstance } from '../config/check-instances.ts'
import { formatConfigError } from '../config/config-error.ts'
import { loadDeclarative } from '../config/declarative.ts'
import { readDeclarativeFile } from '../config/file-source.ts'
import type { LimitBook } from '../limit-book.ts'
import type { PluginListing } from './plugin-listing.ts'
import { type Configuration, ConfigurationRefused } from './reloader.ts'

export interface ReadingOptions {
  readonly plugins: readonly PluginListing[]
  /** What tenants may lower, and from where. */
  readonly limits: LimitBook
  /** Lets through what nothing serves yet but the router knows. */
  readonly explains?: boolean
  readonly checkInstance?: CheckInstance
}

/**
 * Reads and validates a declarative file. `shown` is how messages name it. Rejects with
 * `ConfigurationRefused`, one line for each error.
 */
export async function readConfiguration(
  path: string,
  shown: string,
  { plugins, ...options }: ReadingOptions,
): Promise<Configuration> {
  let text: string
  try {
    text = await readDeclarativeFile(path)
  } catch (error) {
    throw new ConfigurationRefused([`${shown}: cannot be read: ${(error as Error).message}`])
  }
  const manifests = new Map(plugins.map(({ manifest }) => [manifest.name, manifest]))
  const loaded = loadDeclarative(text, { filename: shown, plugins: manifests, ...options })
  if (!loaded.ok) throw new ConfigurationRefused(loaded.errors.map(formatConfigError))
  return loaded
}
