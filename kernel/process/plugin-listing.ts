import { registerHooks } from 'node:module'
import { pathToFileURL } from 'node:url'
import { type Plugin, type PluginManifest, toManifest } from '@sallyport/sdk'
import type { LimitChanges } from '@sallyport/sdk/limits'
import { toPluginGrants } from '../effects/grants.ts'
import type { PluginCode, Tier } from '../plugin-host.ts'
import type { PluginSetting } from '../setting-values.ts'
import type { Parts } from './parts.ts'

/**
 * A plugin as primary and worker speak of it: plain data. An inline plugin's code is not in it; each
 * worker imports that itself.
 */
export interface PluginListing {
  readonly manifest: PluginManifest
  readonly tier: Tier
  readonly bundled: boolean
  readonly source: string | null
  /** The file, `unix:` and a socket, or `bundled`. */
  readonly origin: string
}

/** A plugin cannot be loaded; the message names its path and says why. */
export class PluginLoadError extends Error {
  override readonly name = 'PluginLoadError'
}

type ListingParts = Pick<
  Parts,
  'bundledPlugins' | 'readPluginSource' | 'describePlugin' | 'describeRemote'
>

/**
 * The bundled plugins and those of `--plugin`, within what the operator has changed of the limits.
 * Rejects with `PluginLoadError`.
 */
export async function listPlugins(
  parts: ListingParts,
  settings: readonly PluginSetting[],
  limits: LimitChanges = {},
): Promise<PluginListing[]> {
  const listings: PluginListing[] = (await parts.bundledPlugins()).map((plugin) => ({
    manifest: toManifest(plugin),
    tier: 'inline',
    bundled: true,
    source: null,
    origin: 'bundled',
  }))
  for (const setting of settings) {
    const listing = await listPlugin(parts, setting, limits)
    const { name } = listing.manifest
    const other = listings.find((each) => each.manifest.name === name)
    if (other !== undefined) {
      throw new PluginLoadError(
        `--plugin "${setting.path}": its name "${name}" is taken by ${
          other.bundled ? 'a bundled plugin' : `"${other.origin}"`
        }; names must differ`,
      )
    }
    listings.push(listing)
  }
  return listings
}

async function listPlugin(
  parts: ListingParts,
  setting: PluginSetting,
  limits: LimitChanges,
): Promise<PluginListing> {
  const { path, tier } = setting
  try {
    if (tier === 'remote') {
      const manifest = await parts.describeRemote(path, limits)
      checkPermissions(manifest)
      return { manifest, tier, bundled: false, source: null, origin: path }
    }
    const text = await parts.readPluginSource(path, limits)
    const { origin } = text
    if (tier === 'inline') {
      const manifest = toManifest(await importPlugin(origin))
      checkPermissions(manifest)
      return { manifest, tier, bundled: false, source: null, origin }
    }
    const described = await parts.describePlugin(text, limits)
    // What people read before they install it holds against what the code says.
    const { permissions = described.permissions } = text
    const manifest = permissions === undefined ? described : { ...described, permissions }
    checkPermissions(manifest)
    return { manifest, tier, bundled: false, source: text.source, origin }
  } catch (error) {
    throw new PluginLoadError(`--plugin "${path}": ${(error as Error).message}`, { cause: error })
  }
}

/** What cannot be read is better known now than when the plugin needs it. */
function checkPermissions({ permissions }: PluginManifest): void {
  if (permissions !== undefined) toPluginGrants({ permissions })
}

/** The code behind listings, in the worker that runs it. */
export async function toPluginCode(
  parts: Pick<Parts, 'bundledPlugins'>,
  listings: readonly PluginListing[],
): Promise<PluginCode[]> {
  const bundled = new Map((await parts.bundledPlugins()).map((plugin) => [plugin.name, plugin]))
  return Promise.all(
    listings.map(async ({ manifest, tier, source, origin, bundled: isBundled }) => {
      if (tier !== 'inline') return { manifest, tier, module: null, source, origin }
      const module = isBundled ? bundled.get(manifest.name)! : await importPlugin(origin)
      return { manifest, tier, module, source: null, origin }
    }),
  )
}

const SDK = '@sallyport/sdk'
let sdkIsBuiltIn = false

/**
 * Imports a plugin that the operator trusts into this process. It lies anywhere on the disk, where
 * the SDK need not be installed: as in every other tier, the SDK is there all the same.
 */
async function importPlugin(file: string): Promise<Plugin> {
  if (!sdkIsBuiltIn) {
    const url = import.meta.resolve(SDK)
    registerHooks({
      resolve: (specifier, context, next) =>
        specifier === SDK ? { url, shortCircuit: true } : next(specifier, context),
    })
    sdkIsBuiltIn = true
  }
  const module = (await import(pathToFileURL(file).href)) as { default?: unknown }
  toManifest(module.default)
  return module.default as Plugin
}
