import { type PluginPermissions, toPermissions } from '@sallyport/sdk'
import { transform } from 'esbuild'
import { readFile, realpath, stat } from 'node:fs/promises'
import { basename, extname, isAbsolute, join, resolve, sep } from 'node:path'
import { SANDBOX_LIMITS } from './limits.ts'

export interface PluginSource {
  /** JavaScript of one ES module. */
  readonly source: string
  /** The file, for messages. */
  readonly origin: string
  /** What the folder's package.json asks for; absent when it says nothing. */
  readonly permissions?: PluginPermissions
}

const EXTENSIONS = ['.js', '.mjs', '.ts', '.mts']

/**
 * Reads a plugin: one file, or a folder whose package.json names one in `sallyport.entry`, which has to
 * lie inside the folder. Types are taken out; nothing is run. Rejects with an Error that names the path.
 */
export async function readPluginSource(
  path: string,
  bytesMax: number = SANDBOX_LIMITS.bundleBytesMax,
): Promise<PluginSource> {
  const absolute = resolve(path)
  const facts = await stat(absolute).catch(() => null)
  if (facts === null) throw new Error(`${path}: there is no such file or folder`)
  const { file, ...asked } = facts.isDirectory()
    ? await readManifest(absolute, path)
    : { file: absolute }
  const extension = extname(file)
  if (!EXTENSIONS.includes(extension)) {
    throw new Error(
      `${file}: a plugin is a file that ends in ${EXTENSIONS.join(', ')}, this one ends in "${extension}"`,
    )
  }
  const source = await readBounded(file, bytesMax)
  const isTyped = extension.endsWith('ts')
  return { source: isTyped ? await stripTypes(source, file) : source, origin: file, ...asked }
}

async function readManifest(
  folder: string,
  path: string,
): Promise<{ file: string; permissions?: PluginPermissions }> {
  const manifestPath = join(folder, 'package.json')
  const text = await readFile(manifestPath, 'utf8').catch(() => null)
  if (text === null) throw new Error(`${path}: the folder has no package.json`)
  let fields: { entry?: unknown; permissions?: unknown }
  try {
    const content = JSON.parse(text) as { sallyport?: typeof fields } | null
    fields = content?.sallyport ?? {}
  } catch (error) {
    throw new Error(`${manifestPath}: no JSON: ${(error as Error).message}`, { cause: error })
  }
  const { entry, permissions } = fields
  if (typeof entry !== 'string' || entry === '') {
    throw new Error(
      `${manifestPath}: sallyport.entry: expected the path of the plugin's file, got ${JSON.stringify(entry)}`,
    )
  }
  const file = join(folder, entry)
  const real = await realpath(file).catch(() => null)
  if (real === null) throw new Error(`${manifestPath}: sallyport.entry: "${entry}" does not exist`)
  // Compared after links were followed: neither `..` nor a link leads out.
  const inside = (await realpath(folder)) + sep
  if (isAbsolute(entry) || !real.startsWith(inside)) {
    throw new Error(`${manifestPath}: sallyport.entry: "${entry}" is outside of the folder`)
  }
  if (permissions === undefined) return { file: real }
  return {
    file: real,
    permissions: toPermissions(permissions, `${manifestPath}: sallyport.permissions`),
  }
}

async function readBounded(file: string, bytesMax: number): Promise<string> {
  const facts = await stat(file)
  if (!facts.isFile()) throw new Error(`${file}: a plugin is a regular file`)
  if (facts.size > bytesMax) {
    throw new Error(
      `${file}: the plugin is ${facts.size} bytes long; up to ${bytesMax} are allowed`,
    )
  }
  const bytes = await readFile(file)
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes)
  } catch {
    throw new Error(`${file}: the file is not UTF-8`)
  }
}

async function stripTypes(source: string, file: string): Promise<string> {
  try {
    const { code } = await transform(source, {
      loader: 'ts',
      target: 'es2024',
      sourcefile: basename(file),
      tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
      logLevel: 'silent',
    })
    return code
  } catch (error) {
    throw new Error(`${file}: ${(error as Error).message}`, { cause: error })
  }
}
