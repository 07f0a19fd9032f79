import { parseSync } from 'oxc-parser'
import type { Comment, EcmaScriptModule, Node, Program } from 'oxc-parser'

/** One file of the tree: its path from the root with `/`, and its whole text. */
export interface TidyFile {
  readonly path: string
  readonly text: string
}

export interface Violation {
  readonly path: string
  /** Counted from 1; 0 when the whole file or a missing file is meant. */
  readonly line: number
  readonly message: string
}

export interface Source extends TidyFile {
  readonly program: Program
  readonly module: EcmaScriptModule
  readonly comments: readonly Comment[]
}

/** What an import names, in whatever way it is spelled. */
export interface ImportedModule {
  readonly specifier: string
  readonly line: number
  /** True when nothing of it is left at run time: `import type`, `export type .. from`. */
  readonly typeOnly: boolean
}

const parsed = new WeakMap<TidyFile, Source>()

/** The code of the list, parsed once however many checks ask for them. */
export function toSources(files: readonly TidyFile[]): Source[] {
  return files.filter(({ path }) => /\.[mc]?[jt]s$/.test(path)).map(toSource)
}

function toSource(file: TidyFile): Source {
  const known = parsed.get(file)
  if (known !== undefined) return known
  const result = parseSync(file.path, file.text, { preserveParens: false })
  const error = result.errors.find((each) => each.severity === 'Error')
  if (error !== undefined) throw new Error(`${file.path} does not parse: ${error.message}`)
  const { program, module, comments } = result
  const source = { ...file, program, module, comments }
  parsed.set(file, source)
  return source
}

export function toLine(text: string, offset: number): number {
  let line = 1
  for (let at = text.indexOf('\n'); at !== -1 && at < offset; at = text.indexOf('\n', at + 1)) {
    line += 1
  }
  return line
}

/** Visits every node of a tree, parents first. */
export function walk(root: Node, visit: (node: Node, parent: Node | null) => void): void {
  const stack: { node: Node; parent: Node | null }[] = [{ node: root, parent: null }]
  for (let entry = stack.pop(); entry !== undefined; entry = stack.pop()) {
    visit(entry.node, entry.parent)
    for (const value of Object.values(entry.node)) {
      for (const child of Array.isArray(value) ? value : [value]) {
        if (isNode(child)) stack.push({ node: child, parent: entry.node })
      }
    }
  }
}

function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && 'type' in value && 'start' in value
}

/**
 * Every module that a file names: static imports, re-exports, `import()` of a literal, types written
 * as `import('..')`, and `new URL('./x.ts', import.meta.url)`, which is how a process entry is named.
 * A URL of anything but code is a file to read.
 */
export function importsOf(source: Source): ImportedModule[] {
  const found: ImportedModule[] = []
  const add = (specifier: string, offset: number, typeOnly: boolean) =>
    found.push({ specifier, line: toLine(source.text, offset), typeOnly })
  for (const node of source.program.body) {
    if (node.type === 'ImportDeclaration') {
      // `import { type A }` leaves an empty import behind, which still loads the file.
      add(node.source.value, node.start, node.importKind === 'type')
    } else if (node.type === 'ExportAllDeclaration') {
      add(node.source.value, node.start, node.exportKind === 'type')
    } else if (node.type === 'ExportNamedDeclaration' && node.source !== null) {
      add(node.source.value, node.start, node.exportKind === 'type')
    }
  }
  walk(source.program, (node) => {
    if (node.type === 'ImportExpression' && isText(node.source)) {
      add(node.source.value, node.start, false)
    } else if (node.type === 'TSImportType') {
      add(node.source.value, node.start, true)
    } else if (node.type === 'NewExpression' && isModuleUrl(node)) {
      const [specifier] = node.arguments
      if (specifier === undefined || !isText(specifier)) return
      if (/\.[mc]?[jt]s$/.test(specifier.value)) add(specifier.value, node.start, false)
    }
  })
  return found
}

function isText(node: Node): node is Extract<Node, { type: 'Literal' }> & { value: string } {
  return node.type === 'Literal' && typeof node.value === 'string'
}

function isModuleUrl(node: Extract<Node, { type: 'NewExpression' }>): boolean {
  const base = node.arguments[1]
  return (
    node.callee.type === 'Identifier' &&
    node.callee.name === 'URL' &&
    base?.type === 'MemberExpression' &&
    base.object.type === 'MetaProperty'
  )
}
