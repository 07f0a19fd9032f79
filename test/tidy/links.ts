import { posix } from 'node:path'
import { toLine, type TidyFile, type Violation } from './source.ts'

/** Links of pages to files and headings of this tree, and pages that comments or pages name. */
export function checkLinks(files: readonly TidyFile[]): Violation[] {
  const texts = new Map(files.map(({ path, text }) => [path, text]))
  const pages = files.filter(({ path }) => path.endsWith('.md'))
  return [
    ...pages.flatMap((page) => checkPage(page, texts)),
    ...files.flatMap((file) => checkPageNames(file, texts)),
  ]
}

function checkPage(page: TidyFile, texts: ReadonlyMap<string, string>): Violation[] {
  const prose = withoutCode(page.text)
  return [...prose.matchAll(/\[[^\]]*\]\(([^()\s]+)\)/g)].flatMap((match) => {
    const link = match[1] ?? ''
    const problem = /^[a-z]+:/.test(link) ? null : brokenLink(page.path, link, texts)
    if (problem === null) return []
    return [{ path: page.path, line: toLine(page.text, match.index), message: problem }]
  })
}

function brokenLink(from: string, link: string, texts: ReadonlyMap<string, string>) {
  const [file = '', heading] = link.split('#')
  const path = file === '' ? from : posix.join(posix.dirname(from), file).replace(/\/$/, '')
  const text = texts.get(path)
  const isFolder = [...texts.keys()].some((each) => each.startsWith(`${path}/`))
  if (text === undefined && !isFolder) return `"${link}" leads nowhere`
  if (heading === undefined || (text !== undefined && headingsOf(text).has(heading))) return null
  return `"${link}": ${path} has no such heading`
}

/** `SECURITY.md` in a comment is a promise too. Pages of other projects are named with a link. */
function checkPageNames({ path, text }: TidyFile, texts: ReadonlyMap<string, string>): Violation[] {
  if (!/\.(?:ts|md)$/.test(path) || path.startsWith('test/tidy')) return []
  const names = new Set([...texts.keys()].map((each) => posix.basename(each)))
  return [...text.matchAll(/(?<![\w/.-])[A-Z]{4,}\.md\b/g)]
    .filter((match) => !names.has(match[0]))
    .map((match) => ({
      path,
      line: toLine(text, match.index),
      message: `there is no ${match[0]}`,
    }))
}

/** Headings as anchors, spelled as the usual forges spell them. */
function headingsOf(text: string): Set<string> {
  const headings = withoutCode(text, /^```[^]*?^```/gm).matchAll(/^#{1,6} +(.+)$/gm)
  return new Set(
    [...headings].map((match) =>
      (match[1] ?? '')
        .trim()
        .toLowerCase()
        .replaceAll(/[^\p{L}\p{N}\s_-]/gu, '')
        .replaceAll(/\s/g, '-'),
    ),
  )
}

/** The same text, blank where code stands, so that places stay what they are. */
function withoutCode(text: string, code = /^```[^]*?^```|`[^`\n]*`/gm): string {
  return text.replaceAll(code, (match) => match.replaceAll(/[^\n]/g, ' '))
}
