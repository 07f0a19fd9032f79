import { fileURLToPath } from 'node:url'
import type { Children } from './children.ts'
import type { FixedRateOptions, FixedRateReport } from './fixed-rate.ts'
import { median } from './summary.ts'

/** The same load twice, shortly after each other. */
export interface LatencyPair {
  readonly base: FixedRateReport
  readonly other: FixedRateReport
}

/** Medians over the pairs. */
export interface PairsSummary {
  readonly baseP99Us: number
  readonly otherP99Us: number
  /** Median of the differences within a pair, which is not the difference of the medians. */
  readonly differenceUs: number
  /** Median of other / base within a pair. */
  readonly ratio: number
  /** What of a p99 may be the load client's own doing. */
  readonly clientLagP99Us: number
  /** Failed requests of either side; any makes the comparison invalid. */
  readonly errors: readonly string[]
}

export interface PairsOptions {
  readonly pairs: number
  readonly base: () => Promise<FixedRateReport>
  readonly other: () => Promise<FixedRateReport>
}

/**
 * Runs both sides in turn. Which one goes first alternates, so that a machine that slowly gets
 * busier favours neither.
 */
export async function measurePairs({ pairs, base, other }: PairsOptions): Promise<LatencyPair[]> {
  const measured: LatencyPair[] = []
  for (let pair = 0; pair < pairs; pair += 1) {
    if (pair % 2 === 0) {
      const first = await base()
      measured.push({ base: first, other: await other() })
    } else {
      const first = await other()
      measured.push({ base: await base(), other: first })
    }
  }
  return measured
}

export function summarisePairs(pairs: readonly LatencyPair[]): PairsSummary {
  const errors = pairs.flatMap(({ base, other }) => [
    ...describeFailures(base),
    ...describeFailures(other),
  ])
  return {
    baseP99Us: median(pairs.map(({ base }) => base.p99Us)),
    otherP99Us: median(pairs.map(({ other }) => other.p99Us)),
    differenceUs: median(pairs.map(({ base, other }) => other.p99Us - base.p99Us)),
    ratio: median(pairs.map(({ base, other }) => other.p99Us / base.p99Us)),
    clientLagP99Us: median(
      pairs.flatMap(({ base, other }) => [base.clientLagP99Us, other.clientLagP99Us]),
    ),
    errors: [...new Set(errors)],
  }
}

/** Runs the load client in a process of its own, pinned to the given core. */
export async function runFixedRateProcess(
  children: Children,
  core: number,
  options: FixedRateOptions,
): Promise<FixedRateReport> {
  const script = fileURLToPath(new URL('./fixed-rate.ts', import.meta.url))
  const child = children.start([process.execPath, script, JSON.stringify(options)], { core })
  const code = await child.exited
  if (code !== 0) throw new Error(`the load client ended with ${code}, saying: ${child.tail()}`)
  return JSON.parse(child.stdout()) as FixedRateReport
}

function describeFailures(report: FixedRateReport): string[] {
  const counts: [number, string][] = [
    [report.badStatus, 'answers that were not 2xx'],
    [report.socketErrors, 'failed connections'],
    [report.unanswered, 'requests without an answer'],
  ]
  return counts.filter(([count]) => count > 0).map(([count, what]) => `${what}: ${count}`)
}
