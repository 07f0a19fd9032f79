import { measurePairs, runFixedRateProcess, summarisePairs } from './latency-pairs.ts'
import type { PairsSummary } from './latency-pairs.ts'
import { runWrk } from './measure-row.ts'
import { waitUntilGood } from './probe.ts'
import type { Row } from './rows.ts'
import { BODY, startRow } from './start-row.ts'
import type { Bench, StartedRow } from './start-row.ts'

export interface LatencyComparison {
  readonly ratePerSecond: number
  readonly summary: PairsSummary
}

export interface ComparisonOptions {
  readonly pairs: number
  readonly seconds: number
  readonly warmupSeconds: number
}

/**
 * Runs a row and its yardstick side by side, each idle while the other is measured, and compares
 * their p99 at one rate: half of what the row alone can do. Throws when one of them cannot start.
 */
export async function compareLatency(
  bench: Bench,
  { row, yardstick }: { row: Row; yardstick: Row },
  { pairs, seconds, warmupSeconds }: ComparisonOptions,
): Promise<LatencyComparison> {
  const started: StartedRow[] = []
  const start = async (one: Row): Promise<{ port: number; capacity: number }> => {
    const { child, port, ...rest } = await startRow(bench, one)
    started.push({ child, port, ...rest })
    await waitUntilGood(one, { child, port, body: BODY })
    const report = await runWrk(bench, one, { port, seconds: Math.max(1, warmupSeconds) })
    return { port, capacity: (report.requests / report.durationUs) * 1e6 }
  }
  try {
    const base = await start(yardstick)
    const other = await start(row)
    const ratePerSecond = Math.max(1, Math.floor(other.capacity / 2))
    const runAt = (port: number, { requestHeaders: headers }: Row) => {
      const options = { port, ratePerSecond, seconds, headers }
      return () => runFixedRateProcess(bench.children, bench.loadCore, options)
    }
    const measured = await measurePairs({
      pairs,
      base: runAt(base.port, yardstick),
      other: runAt(other.port, row),
    })
    return { ratePerSecond, summary: summarisePairs(measured) }
  } finally {
    for (const { child } of started) await bench.children.stop(child)
  }
}
