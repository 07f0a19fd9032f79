import { PHASES, type PhaseRow } from '@sallyport/sdk'

/**
 * What the pages repeat of the tables in code, by the name of the block. A page holds a block
 * between `<!-- generated:NAME -->` and `<!-- /generated -->`; `npm run docs` writes it.
 */
export const docsBlocks: Readonly<Record<string, () => string>> = {
  phases: renderPhases,
}

function renderPhases(): string {
  const rows: [string, PhaseRow][] = Object.entries(PHASES)
  return renderTable(
    ['phase', 'runs', 'instances', 'when a plugin fails'],
    rows.map(([name, { when, scope, failure }]) => [
      `\`${name}\``,
      when,
      scope === 'global' ? 'global only' : 'all that match',
      FAILURES[failure],
    ]),
  )
}

const FAILURES: Readonly<Record<PhaseRow['failure'], string>> = {
  refuse: '500 / 503, nothing goes upstream',
  replace: 'the answer is replaced by 500 / 503',
  abort: 'the connection is aborted',
  count: 'counted only',
}

function renderTable(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]) =>
    `| ${cells.map((cell) => cell.replaceAll('|', '\\|')).join(' | ')} |`
  return [line(head), `|${'---|'.repeat(head.length)}`, ...rows.map(line)].join('\n')
}
