import type { Offended } from './neighbours-scene.ts'
import type { Verdict } from './neighbours-verdict.ts'
import { median } from './summary.ts'
import { renderTable } from './table.ts'

export interface NeighboursRow {
  /** Of victim and offence. */
  readonly name: string
  readonly capacity: number
  readonly ratePerSecond: number
  readonly verdict: Verdict
  readonly clientLagP99Us: number
  /** Share of the core of clients and upstream that was busy beside the offender. */
  readonly loadCoreBusy: number
  /** One for each pair. */
  readonly offended: readonly Offended[]
  /** The victim's failed requests among them; any makes the row invalid. */
  readonly errors: readonly string[]
}

const HEADINGS = [
  'victim, offence',
  'at requests / s',
  'of capacity',
  'alone p50, p99 ms',
  'beside p50, p99 ms',
  'growth of p99 ms',
  'bar',
  'client lag ms',
  'load core',
  'failed',
  'offender sent, refused',
  'verdict',
]

export function renderNeighbours(rows: readonly NeighboursRow[]): string {
  return renderTable(HEADINGS, rows.map(toCells))
}

function toCells(row: NeighboursRow): string[] {
  const { name, capacity, ratePerSecond, verdict, clientLagP99Us, offended, errors } = row
  const both = (figures: readonly number[]) => figures.map(toMs).join(', ')
  const sent = median(offended.map(({ requests }) => requests))
  const refused = median(offended.map((each) => each.refused))
  return [
    name,
    String(ratePerSecond),
    `${Math.round((ratePerSecond / capacity) * 100)} %`,
    both(verdict.basePercentilesUs),
    both(verdict.otherPercentilesUs),
    toMs(verdict.growthUs),
    `≤ ${toMs(verdict.growthUsMax)}`,
    toMs(clientLagP99Us),
    `${Math.round(row.loadCoreBusy * 100)} %`,
    errors.length === 0 ? '0' : `${errors.length}, see below`,
    `${sent}, ${refused}`,
    toVerdict(verdict, errors),
  ]
}

function toVerdict({ isWithin }: Verdict, errors: readonly string[]): string {
  if (errors.length > 0) return 'INVALID'
  return isWithin ? 'within' : 'OVER'
}

function toMs(us: number): string {
  return (us / 1_000).toFixed(2)
}
