import { toLine, toSources, type TidyFile, type Violation } from './source.ts'

/** A guard that is switched off says which one and why: `// oxlint-disable-next-line RULE -- why`. */
export function checkSuppressions(files: readonly TidyFile[]): Violation[] {
  return toSources(files).flatMap(({ path, text, comments }) =>
    comments.flatMap(({ value, start }) => {
      const [, what, rest = ''] =
        /^\s*((?:oxlint|eslint|oxfmt)-\S+|@ts-[\w-]+)([^]*)$/.exec(value) ?? []
      if (what === undefined || isExplained(what, rest.trimEnd())) return []
      return [{ path, line: toLine(text, start), message: `"${what}" without rule and reason` }]
    }),
  )
}

function isExplained(what: string, rest: string): boolean {
  if (what === '@ts-expect-error') return /\w+ \w+/.test(rest)
  if (what.startsWith('oxlint-disable')) return /^ [\w/@-]+(?:, [\w/@-]+)* -- \w+ \w+/.test(rest)
  return false
}
