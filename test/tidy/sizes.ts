import { toLine, toSources, walk, type Source } from './source.ts'
import type { TidyFile, Violation } from './source.ts'

interface SizeRow {
  readonly folder: string
  /** Lines of a file, blank ones not counted. */
  readonly fileLinesMax: number
  /** Lines of a function, blank ones and comments not counted; null where tests tell stories. */
  readonly functionLinesMax: number | null
  /** Docstrings of the contract are as long as they need to be. */
  readonly countComments: boolean
}

/** The first row whose folder holds the file; .oxlintrc.json has the same numbers for editors. */
export const SIZES: readonly SizeRow[] = [
  { folder: 'test/', fileLinesMax: 600, functionLinesMax: null, countComments: true },
  { folder: 'sdk/', fileLinesMax: 300, functionLinesMax: 70, countComments: false },
  { folder: '', fileLinesMax: 300, functionLinesMax: 70, countComments: true },
]

/** Short enough to be true. */
const PAGE_LINES_MAX: Readonly<Record<string, number>> = { 'ARCHITECTURE.md': 250 }

export function checkSizes(files: readonly TidyFile[]): Violation[] {
  const pages = files.flatMap(({ path, text }) => {
    const max = PAGE_LINES_MAX[path]
    const lines = text.split('\n').length
    if (max === undefined || lines <= max) return []
    return [{ path, line: 0, message: `${lines} lines; ${max} are enough for this page` }]
  })
  return [...pages, ...toSources(files).flatMap(checkSource)]
}

function checkSource(source: Source): Violation[] {
  const row = SIZES.find(({ folder }) => source.path.startsWith(folder))
  if (row === undefined) return []
  const comments = commentLines(source)
  const count = (from: number, to: number, countComments: boolean) =>
    source.text
      .split('\n')
      .slice(from - 1, to)
      .filter((text, at) => text.trim() !== '' && (countComments || !comments.has(from + at)))
      .length
  const found: Violation[] = []
  const report = (line: number, what: string, lines: number, max: number) => {
    if (lines <= max) return
    found.push({ path: source.path, line, message: `${what} has ${lines} lines; ${max} at most` })
  }
  report(0, 'the file', count(1, Infinity, row.countComments), row.fileLinesMax)
  const { functionLinesMax } = row
  if (functionLinesMax === null) return found
  walk(source.program, (node) => {
    if (node.type !== 'FunctionDeclaration' && !isFunctionExpression(node.type)) return
    const from = toLine(source.text, node.start)
    const lines = count(from, toLine(source.text, node.end), false)
    report(from, 'the function', lines, functionLinesMax)
  })
  return found
}

function isFunctionExpression(type: string): boolean {
  return type === 'FunctionExpression' || type === 'ArrowFunctionExpression'
}

/** Lines that hold nothing but a comment. */
function commentLines({ text, comments }: Source): Set<number> {
  const lines = new Set<number>()
  for (const { start, end } of comments) {
    const before = text.slice(text.lastIndexOf('\n', start - 1) + 1, start)
    if (before.trim() !== '') continue
    const last = toLine(text, end)
    for (let line = toLine(text, start); line <= last; line += 1) lines.add(line)
  }
  return lines
}
