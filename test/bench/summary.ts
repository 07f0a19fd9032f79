import type { Figures, Sample } from './measure-row.ts'
import type { Row } from './rows.ts'

/** A row of the table: medians over the rounds. */
export interface RowSummary {
  readonly name: string
  readonly yardstick: string
  /** Null when the row is invalid. */
  readonly figures: Figures | null
  /** CPU a request as a multiple of the yardstick's, of the same round; null when that failed. */
  readonly ratio: number | null
  /** The same against the row named by `reference`; null when that did not run. */
  readonly referenceRatio: number | null
  /** Of all rounds; any makes the row invalid. */
  readonly errors: readonly string[]
}

/** Samples by row name, one a round, in the order of the rounds. */
export type Samples = ReadonlyMap<string, readonly Sample[]>

export function summarise(
  rows: readonly Pick<Row, 'name' | 'yardstick'>[],
  samples: Samples,
  reference: string,
): RowSummary[] {
  return rows.map(({ name, yardstick }) => {
    const own = samples.get(name) ?? []
    const errors = [...new Set(own.flatMap((sample) => sample.errors))]
    const figures = own.flatMap((sample) => sample.figures ?? [])
    const isValid = errors.length === 0 && figures.length > 0
    return {
      name,
      yardstick,
      figures: isValid ? medianFigures(figures) : null,
      ratio: isValid ? medianRatio(own, samples.get(yardstick) ?? []) : null,
      referenceRatio: isValid ? medianRatio(own, samples.get(reference) ?? []) : null,
      errors,
    }
  })
}

/** Of an even number of values the mean of the two in the middle; NaN of none. */
export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b)
  const middle = sorted.length >> 1
  if (sorted.length % 2 === 1) return sorted[middle]!
  return (sorted[middle - 1]! + sorted[middle]!) / 2
}

/** Round by round, as the machine's mood changes between rounds; null without a common round. */
export function medianRatio(own: readonly Sample[], other: readonly Sample[]): number | null {
  const ratios = own.flatMap((sample, round) => {
    const against = other[round]?.figures
    if (sample.figures === null || against === null || against === undefined) return []
    return [sample.figures.cpuUs / against.cpuUs]
  })
  return ratios.length === 0 ? null : median(ratios)
}

function medianFigures(figures: readonly Figures[]): Figures {
  const of = (pick: (one: Figures) => number): number => median(figures.map(pick))
  const kinds = new Set(figures.flatMap(({ cpuUsByKind }) => Object.keys(cpuUsByKind)))
  return {
    cpuUs: of(({ cpuUs }) => cpuUs),
    cpuUsByKind: Object.fromEntries(
      [...kinds].map((kind) => [kind, of(({ cpuUsByKind }) => cpuUsByKind[kind] ?? 0)]),
    ),
    rps: of(({ rps }) => rps),
    p50Us: of(({ p50Us }) => p50Us),
    p99Us: of(({ p99Us }) => p99Us),
    proxyCoreBusy: of(({ proxyCoreBusy }) => proxyCoreBusy),
    loadCoreBusy: of(({ loadCoreBusy }) => loadCoreBusy),
    proxyCoreForeign: of(({ proxyCoreForeign }) => proxyCoreForeign),
  }
}
