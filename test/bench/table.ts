import type { PairsSummary } from './latency-pairs.ts'
import type { RowSummary } from './summary.ts'

/** One comparison at a fixed rate, for the second table. */
export interface PairsRow {
  readonly name: string
  readonly yardstick: string
  readonly ratePerSecond: number
  readonly summary: PairsSummary
}

const HEADINGS = [
  'row',
  'CPU µs / request',
  'of these',
  '× nginx',
  '× bare Node',
  'requests / s',
  'p50 ms',
  'p99 ms',
  'proxy core',
  'load core',
  'others on proxy core',
  'errors',
]

/** The table of a run as Markdown. */
export function renderSummaries(rows: readonly RowSummary[]): string {
  return renderTable(HEADINGS, rows.map(toCells))
}

export function renderPairs(rows: readonly PairsRow[]): string {
  const headings = [
    'row',
    'at requests / s',
    'p99 ms',
    'p99 ms of the other',
    'difference ms',
    '×',
    'client lag ms',
  ]
  const cells = rows.map(({ name, ratePerSecond, summary }) => [
    name,
    String(Math.round(ratePerSecond)),
    toMs(summary.otherP99Us),
    toMs(summary.baseP99Us),
    toMs(summary.differenceUs),
    summary.ratio.toFixed(2),
    toMs(summary.clientLagP99Us),
  ])
  return renderTable(headings, cells)
}

/** A Markdown table with aligned columns: the first to the left, figures to the right. */
export function renderTable(headings: readonly string[], rows: readonly string[][]): string {
  const widths = headings.map((heading, column) =>
    Math.max(heading.length, 3, ...rows.map((cells) => cells[column]?.length ?? 0)),
  )
  const toLine = (cells: readonly string[]): string => {
    const padded = widths.map((width, column) => {
      const cell = cells[column] ?? ''
      return column === 0 ? cell.padEnd(width) : cell.padStart(width)
    })
    return `| ${padded.join(' | ')} |`
  }
  const rule = widths.map((width, column) =>
    column === 0 ? '-'.repeat(width) : `${'-'.repeat(width - 1)}:`,
  )
  return [toLine(headings), `| ${rule.join(' | ')} |`, ...rows.map(toLine)].join('\n')
}

function toCells({ name, figures, ratio, referenceRatio, errors }: RowSummary): string[] {
  if (figures === null) {
    return [
      name,
      'INVALID',
      ...Array.from({ length: HEADINGS.length - 3 }, () => ''),
      toCount(errors),
    ]
  }
  return [
    name,
    figures.cpuUs.toFixed(1),
    toKinds(figures.cpuUsByKind),
    ratio === null ? '' : ratio.toFixed(2),
    referenceRatio === null ? '' : referenceRatio.toFixed(2),
    String(Math.round(figures.rps)),
    toMs(figures.p50Us),
    toMs(figures.p99Us),
    toPercent(figures.proxyCoreBusy),
    toPercent(figures.loadCoreBusy),
    toPercent(figures.proxyCoreForeign),
    toCount(errors),
  ]
}

function toKinds(byKind: Readonly<Record<string, number>>): string {
  return Object.entries(byKind)
    .map(([kind, us]) => `${kind} ${us.toFixed(1)}`)
    .join(', ')
}

function toMs(us: number): string {
  return (us / 1_000).toFixed(2)
}

function toPercent(share: number): string {
  return `${Math.round(share * 100)} %`
}

function toCount(errors: readonly string[]): string {
  return errors.length === 0 ? '0' : `${errors.length}, see below`
}
