import { posix } from 'node:path'
import { importsOf, toSources, type ImportedModule, type Source } from './source.ts'
import type { TidyFile, Violation } from './source.ts'

/** What the files of a folder may import, besides what is below the same folder. */
interface Direction {
  /** Our own folders or files, from the root. */
  readonly ours: readonly string[]
  /** The same, but only as `import type`. */
  readonly types: readonly string[]
  /** Modules of Node: all, none, or none but for the files named. */
  readonly node: boolean | readonly string[]
  /** Packages: all that package.json allows, or only those named. */
  readonly packages: 'any' | readonly string[]
}

const SDK = '@sallyport/sdk'
const FREE: Direction = { ours: ['.'], types: [], node: true, packages: 'any' }
const PLUGIN: Direction = { ours: [], types: [], node: false, packages: [SDK] }

/**
 * Who may import whom; the row with the longest matching path holds. A folder without a row is a
 * violation, so that a new one has to be thought about.
 */
export const DIRECTIONS: Readonly<Record<string, Direction>> = {
  sdk: {
    ours: [],
    types: [],
    // What a plugin author imports runs in every tier; only these run on a Node of their own.
    node: ['sdk/serve.ts', 'sdk/address-test.ts', 'sdk/codec.ts', 'sdk/protocol.ts'],
    packages: 'any',
  },
  kernel: { ours: [], types: [], node: true, packages: 'any' },
  // The one composition root.
  'kernel/main.ts': { ours: ['sandbox', 'plugins'], types: [], node: true, packages: 'any' },
  sandbox: { ours: [], types: ['kernel/plugin-host.ts'], node: true, packages: 'any' },
  // Runs inside isolates, where there is no Node.
  'sandbox/guest': { ours: [], types: [], node: false, packages: [SDK] },
  plugins: PLUGIN,
  examples: { ours: [], types: [], node: true, packages: 'any' },
  scripts: {
    ours: ['sdk', 'kernel', 'sandbox', 'plugins'],
    types: [],
    node: true,
    packages: 'any',
  },
  test: FREE,
}

/** Native code that can abort a process stays where its process is expendable. */
const PACKAGE_HOMES: Readonly<Record<string, readonly string[]>> = {
  'isolated-vm': ['sandbox', 'test'],
}

export function checkImportDirections(files: readonly TidyFile[]): Violation[] {
  return toSources(files).flatMap((source) =>
    importsOf(source).flatMap((imported) => {
      const message = refuse(source, imported)
      return message === null ? [] : [{ path: source.path, line: imported.line, message }]
    }),
  )
}

function refuse(source: Source, imported: ImportedModule): string | null {
  const direction = directionOf(source)
  const { specifier } = imported
  if (direction === null) return `${topFolder(source.path)}/ has no row in the table of directions`
  if (specifier.startsWith('node:')) {
    return mayUseNode(direction, source.path) ? null : `"${specifier}": no module of Node here`
  }
  if (specifier.startsWith('.')) return refusePath(source, imported, direction)
  const name = packageName(specifier)
  const homes = PACKAGE_HOMES[name]
  if (homes !== undefined && !isBelowAny(source.path, homes)) {
    return `"${specifier}" belongs to ${homes.join(' and ')}`
  }
  if (direction.packages !== 'any' && !direction.packages.includes(name)) {
    return `"${specifier}": only ${direction.packages.join(', ')} may be imported here`
  }
  return name === SDK && isBelow(source.path, 'sdk') ? 'the SDK imports itself by name' : null
}

function refusePath(source: Source, imported: ImportedModule, direction: Direction): string | null {
  const { specifier } = imported
  const target = posix.join(posix.dirname(source.path), specifier)
  if (isBelowAny(target, [homeOf(source.path), ...direction.ours])) return null
  if (isBelow(target, 'sdk')) return `"${specifier}": the SDK is imported as "${SDK}"`
  if (isBelowAny(target, direction.types)) {
    return imported.typeOnly ? null : `"${specifier}": only its types, with "import type"`
  }
  return `"${specifier}": ${homeOf(source.path)}/ may not import ${target}`
}

/** An example's plugin is told from the program that starts it by its default export. */
function directionOf(source: Source): Direction | null {
  if (isBelow(source.path, 'examples') && hasDefaultExport(source)) return PLUGIN
  if (!source.path.includes('/')) return FREE
  const rows = Object.keys(DIRECTIONS).filter((path) => isBelow(source.path, path))
  const nearest = rows.toSorted((a, b) => b.length - a.length)[0]
  return (nearest === undefined ? undefined : DIRECTIONS[nearest]) ?? null
}

export function hasDefaultExport(source: Source): boolean {
  return source.module.staticExports.some((each) =>
    each.entries.some(({ exportName }) => [exportName.kind, exportName.name].some(isDefault)),
  )
}

/** `export default ..` by its kind, `export { a as default }` by its name. */
function isDefault(kindOrName: string | null): boolean {
  return kindOrName === 'Default' || kindOrName === 'default'
}

function mayUseNode(direction: Direction, path: string): boolean {
  return typeof direction.node === 'boolean' ? direction.node : isBelowAny(path, direction.node)
}

/** The folder within which a file is free: each example is its own. */
function homeOf(path: string): string {
  const [top = '', second = ''] = path.split('/')
  return top === 'examples' ? `${top}/${second}` : top
}

function topFolder(path: string): string {
  return path.split('/')[0] ?? path
}

function packageName(specifier: string): string {
  return specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/')
}

function isBelow(path: string, folder: string): boolean {
  return folder === '.' || path === folder || path.startsWith(`${folder}/`)
}

function isBelowAny(path: string, folders: readonly string[]): boolean {
  return folders.some((folder) => isBelow(path, folder))
}
