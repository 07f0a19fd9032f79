import {
  type Document,
  type Node,
  type Pair,
  LineCounter,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  parseDocument,
} from 'yaml'
import { quote } from './config-error.ts'
import type { Located, LocatedEntry, LocatedMap } from './located.ts'

/** Larger files take the primary minutes and gigabytes to read; a million credentials fit. */
export const fileBytesMax = 64 * 1024 * 1024
/** Configuration is never nested deeper, and every later walk may recurse without care. */
export const nestingMax = 64
/** Nodes that aliases may add to those written in the file: what stops an alias bomb. */
export const aliasedNodesMax = 1_000_000
/** A file with more syntax errors than these is not YAML at all. */
const syntaxErrorsMax = 20

export interface YamlError {
  readonly message: string
  readonly offset: number
  /** Where the thing that this one repeats stands. */
  readonly earlierOffset?: number
}

export type YamlResult = { readonly errors: readonly YamlError[]; readonly root: Located | null }

/** From an offset to line and column, both from 1. */
export type Position = (offset: number) => { line: number; column: number }

export interface YamlFile {
  readonly result: YamlResult
  readonly position: Position
}

/**
 * Reads one YAML 1.1 document (as libyaml does; JSON is a part of it). Nothing is executed or
 * fetched, unknown tags and repeated keys are errors, and no input makes it throw.
 */
export function readYaml(text: string): YamlFile {
  const lineCounter = new LineCounter()
  const position: Position = (offset) => {
    const { line, col } = lineCounter.linePos(offset)
    return { line: Math.max(line, 1), column: Math.max(col, 1) }
  }
  return { result: read(text, lineCounter), position }
}

function read(text: string, lineCounter: LineCounter): YamlResult {
  if (Buffer.byteLength(text) > fileBytesMax) {
    return failed(`the file is larger than ${fileBytesMax} bytes, which is the limit`, 0)
  }
  const control = controlCharacter.exec(text)
  if (control !== null) {
    countLines(text, lineCounter)
    const code = control[0].charCodeAt(0).toString(16).padStart(4, '0').toUpperCase()
    return failed(
      `the file holds the control character U+${code}; write it as an escape`,
      control.index,
    )
  }
  const depth = deepestFlow(text)
  if (depth > nestingMax * 4) return failed(tooDeep, 0)
  let document: Document
  try {
    document = parseDocument(text, {
      version: '1.1',
      lineCounter,
      prettyErrors: false,
      uniqueKeys: false,
      logLevel: 'error',
      customTags: (tags) => tags.filter((tag) => typeof tag === 'string' || isKept(tag)),
    })
  } catch {
    // The parser's own recursion is the only thing that can end here.
    return failed(tooDeep, 0)
  }
  const problems = [...document.errors, ...document.warnings]
  if (problems.length > 0) {
    return {
      root: null,
      errors: problems.slice(0, syntaxErrorsMax).map(({ code, message, pos }) => ({
        message: syntaxMessage(code, message),
        offset: pos[0],
      })),
    }
  }
  return new YamlWalk().run(document.contents)
}

function syntaxMessage(code: string, message: string): string {
  if (code === 'MULTIPLE_DOCS') return 'the file holds more than one YAML document'
  // The parser reports its own exhausted stack as an error of the document.
  return message.startsWith('Maximum call stack') ? tooDeep : `not valid YAML: ${message}`
}

const tooDeep = `the file is nested deeper than ${nestingMax} levels`

// oxlint-disable-next-line no-control-regex -- control characters are what is looked for
const controlCharacter = /[\0-\x08\x0b\x0c\x0e-\x1f\x7f]/

const failed = (message: string, offset: number): YamlResult => ({
  root: null,
  errors: [{ message, offset }],
})

function countLines(text: string, lineCounter: LineCounter): void {
  lineCounter.addNewLine(0)
  for (let at = text.indexOf('\n'); at !== -1; at = text.indexOf('\n', at + 1)) {
    lineCounter.addNewLine(at + 1)
  }
}

/**
 * An upper bound of the nesting of brackets, before the parser builds a stack for each. Brackets in
 * quotes and comments count as well, which only matters for files that no person wrote.
 */
function deepestFlow(text: string): number {
  let depth = 0
  let deepest = 0
  for (let index = 0; index < text.length; index++) {
    const code = text.charCodeAt(index)
    if (code === 0x5b || code === 0x7b) deepest = Math.max(deepest, ++depth)
    else if ((code === 0x5d || code === 0x7d) && depth > 0) depth--
  }
  return deepest
}

/** Dates, base-60 numbers, binary, sets and ordered maps are strings or nothing to Kong's files. */
function isKept(tag: { tag: string; format?: string }): boolean {
  const name = tag.tag.replace('tag:yaml.org,2002:', '')
  return !['timestamp', 'binary', 'set', 'omap', 'pairs'].includes(name) && tag.format !== 'TIME'
}

/** Turns the parser's tree into located data, in document order. */
class YamlWalk {
  readonly #anchors = new Map<string, Located>()
  readonly #errors: YamlError[] = []
  #written = 0

  run(contents: Node | null): YamlResult {
    if (contents === null) return failed('the file is empty', 0)
    const root = this.#node(contents, 0)
    if (root.height > nestingMax) return failed(tooDeep, root.offset)
    if (this.#errors.length === 0 && root.size - this.#written > aliasedNodesMax) {
      const message = `aliases repeat more than ${aliasedNodesMax} values; write the file with fewer`
      return failed(message, root.offset)
    }
    return this.#errors.length > 0 ? { root: null, errors: this.#errors } : { root, errors: [] }
  }

  #node(node: Node | null | undefined, depth: number): Located {
    const offset = node?.range?.[0] ?? 0
    if (depth > nestingMax) return this.#fail(tooDeep, offset)
    if (isAlias(node)) {
      const target = this.#anchors.get(node.source)
      if (target !== undefined) return { ...target, offset }
      return this.#fail(`the alias ${quote(`*${node.source}`)} has no anchor before it`, offset)
    }
    this.#written++
    const located = this.#fresh(node, depth, offset)
    const anchor = (node as { anchor?: string } | null | undefined)?.anchor
    if (anchor !== undefined) this.#anchors.set(anchor, located)
    return located
  }

  #fresh(node: Node | null | undefined, depth: number, offset: number): Located {
    if (isMap(node)) return this.#map(node.items, depth, offset)
    if (isSeq(node)) {
      const items = node.items.map((item) => this.#node(item as Node, depth + 1))
      return { kind: 'list', items, offset, ...measure(items) }
    }
    if (!isScalar(node)) return nullAt(offset)
    const { value } = node
    const source = node.type === 'PLAIN' ? (node.source ?? null) : null
    // Long texts weigh more, so that an alias cannot repeat megabytes for the price of one node.
    const weight = typeof value === 'string' ? Math.floor(value.length / 64) : 0
    this.#written += weight
    const scalar = { kind: 'scalar', source, offset, size: 1 + weight, height: 1 } as const
    if (value === null || value === undefined) return { ...scalar, value: null }
    if (typeof value === 'boolean' && source !== null && oneLetter.test(source)) {
      return { ...scalar, value: source }
    }
    if (typeof value === 'string' || typeof value === 'boolean' || typeof value === 'number') {
      return { ...scalar, value }
    }
    // Whatever else a tag may have made of it counts as what was written.
    return { ...scalar, value: source }
  }

  #map(pairs: readonly Pair[], depth: number, offset: number): LocatedMap {
    const entries = new Map<string, LocatedEntry>()
    const merged = new Map<string, LocatedEntry>()
    for (const pair of pairs) {
      const key = pair.key as Node | null
      const keyOffset = key?.range?.[0] ?? offset
      const name = keyName(key)
      if (name === null) {
        this.#fail('a key must be a plain word or a string', keyOffset)
        continue
      }
      const value = this.#node(pair.value as Node | null, depth + 1)
      if (name === mergeKey) this.#merge(value, merged, keyOffset)
      else if (name === '__proto__') this.#fail('the key "__proto__" is not allowed', keyOffset)
      else this.#set(entries, name, { keyOffset, value })
    }
    for (const [name, entry] of merged) if (!entries.has(name)) entries.set(name, entry)
    const values = Array.from(entries.values(), ({ value: own }) => own)
    return { kind: 'map', entries, offset, ...measure(values) }
  }

  #set(entries: Map<string, LocatedEntry>, name: string, entry: LocatedEntry): void {
    const earlier = entries.get(name)
    if (earlier === undefined) entries.set(name, entry)
    else this.#fail(`the key ${quote(name)} is there twice`, entry.keyOffset, earlier.keyOffset)
  }

  /** `<<: *defaults`: what the map itself says wins, then the first of several. */
  #merge(value: Located, merged: Map<string, LocatedEntry>, offset: number): void {
    for (const source of value.kind === 'list' ? value.items : [value]) {
      if (source.kind !== 'map') {
        this.#fail('"<<" must name a map or a list of maps', offset)
        continue
      }
      for (const [name, entry] of source.entries) {
        if (!merged.has(name)) merged.set(name, entry)
      }
    }
  }

  #fail(message: string, offset: number, earlierOffset?: number): Located {
    if (this.#errors.length < syntaxErrorsMax) {
      const earlier = earlierOffset === undefined ? {} : { earlierOffset }
      this.#errors.push({ message, offset, ...earlier })
    }
    return nullAt(offset)
  }
}

/** YAML 1.1 reads `y` and `n` as booleans; libyaml's readers, Kong's among them, do not. */
const oneLetter = /^[yn]$/i

const mergeKey = Symbol('<<')

function keyName(key: Node | null): string | typeof mergeKey | null {
  if (!isScalar(key)) return null
  if (typeof key.value === 'symbol') return mergeKey
  if (typeof key.value === 'string') return key.value
  return key.source ?? null
}

const nullAt = (offset: number): Located => ({
  kind: 'scalar',
  value: null,
  source: null,
  offset,
  size: 1,
  height: 1,
})

function measure(children: readonly Located[]): { size: number; height: number } {
  let size = 1
  let height = 0
  for (const child of children) {
    size += child.size
    height = Math.max(height, child.height)
  }
  return { size, height: height + 1 }
}
