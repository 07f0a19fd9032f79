import { build, type Plugin as EsbuildPlugin } from 'esbuild'
import { realpath } from 'node:fs/promises'
import { dirname } from 'node:path'
import { fileURLToPath } from 'node:url'
import { LIBRARY_MODULE, SDK_MODULE } from './module-names.ts'

/** JavaScript that is evaluated inside an isolate before a plugin, and what a plugin may import. */
export interface GuestLibrary {
  /** The body of a function of `$0` (post), `$1` (random), `$2` (native), `$3` (options as JSON). */
  readonly library: string
  /** The ES module behind `@sallyport/sdk`. */
  readonly sdk: string
}

let made: Promise<GuestLibrary> | null = null

/** The guest library, bundled once a process. */
export function makeGuestLibrary(): Promise<GuestLibrary> {
  made ??= Promise.all([bundleLibrary(), bundleSdk()]).then(([library, sdk]) => ({ library, sdk }))
  return made
}

/**
 * When this runs from source it is bundled from source, when it runs from `dist` from there: the
 * extension of this file tells.
 */
const EXTENSION = import.meta.url.endsWith('.ts') ? 'ts' : 'js'
const CONDITIONS = EXTENSION === 'ts' ? ['source'] : []

export function sourcePath(name: string): string {
  return fileURLToPath(new URL(`${name}.${EXTENSION}`, import.meta.url))
}

/** Bundles one entry file of the sandbox into one script. */
export async function bundle(options: {
  entry: string
  format: 'iife' | 'esm' | 'cjs'
  platform: 'neutral' | 'node'
  globalName?: string
  plugins?: EsbuildPlugin[]
}): Promise<string> {
  const { entry, plugins = [], ...rest } = options
  const result = await build({
    ...rest,
    plugins,
    entryPoints: [entry],
    bundle: true,
    write: false,
    minify: true,
    keepNames: true,
    legalComments: 'none',
    charset: 'ascii',
    target: 'es2024',
    conditions: [...CONDITIONS, 'import'],
    mainFields: ['module', 'main'],
    logLevel: 'silent',
  })
  return result.outputFiles[0]!.text
}

async function bundleLibrary(): Promise<string> {
  const code = await bundle({
    entry: sourcePath('guest/main'),
    format: 'iife',
    platform: 'neutral',
    globalName: 'guest',
  })
  return `'use strict';${code}\nreturn guest.start($0, $1, $2, $3)\n//# sourceURL=sallyport:library`
}

/** In an isolate `PdkError` is one class: the one that the library throws. */
async function bundleSdk(): Promise<string> {
  // The workspace's folder is a link; esbuild speaks of where it leads.
  const entry = await realpath(fileURLToPath(import.meta.resolve(SDK_MODULE)))
  const folder = dirname(entry)
  const shared: EsbuildPlugin = {
    name: 'one-error-class',
    setup(setup) {
      // The SDK's own file and no file of that name in a package that it bundles.
      setup.onResolve({ filter: /^\.\/errors\.(?:ts|js)$/ }, ({ resolveDir }) =>
        resolveDir === folder ? { path: LIBRARY_MODULE, external: true } : null,
      )
    },
  }
  return bundle({
    entry,
    format: 'esm',
    platform: 'neutral',
    plugins: [shared],
  })
}
