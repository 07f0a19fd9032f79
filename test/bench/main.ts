import { writeFileSync } from 'node:fs'
import { compareLatency } from './compare-latency.ts'
import { describeMachine, readMachine } from './machine.ts'
import { measureRow } from './measure-row.ts'
import type { Sample } from './measure-row.ts'
import { USAGE, parseBenchOptions } from './options.ts'
import type { BenchOptions } from './options.ts'
import { BARE_NODE, ROWS, findMissingFile, selectRows } from './rows.ts'
import type { Row } from './rows.ts'
import type { Bench } from './start-row.ts'
import { summarise } from './summary.ts'
import type { RowSummary } from './summary.ts'
import { renderPairs, renderSummaries } from './table.ts'
import type { PairsRow } from './table.ts'
import { INVALID, UNABLE, findHindrances, runWithin } from './within.ts'

process.exitCode = await main(process.argv.slice(2))

async function main(argv: readonly string[]): Promise<number> {
  let options: BenchOptions
  let rows: Row[]
  try {
    options = parseBenchOptions(argv)
    rows = selectRows(ROWS, options.only)
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${USAGE}`)
    return UNABLE
  }
  if (options.help) {
    console.log(USAGE)
    return 0
  }
  const hindrances = findHindrances()
  if (hindrances.length > 0) {
    console.error(hindrances.join('\n'))
    return UNABLE
  }
  return runWithin((bench) => runBench(bench, rows, options))
}

async function runBench(
  bench: Bench,
  wanted: readonly Row[],
  options: BenchOptions,
): Promise<number> {
  const machine = readMachine(bench)
  console.log(describeMachine(machine))
  console.log(
    `proxy on core ${bench.proxyCore}, client and upstream on core ${bench.loadCore}; ` +
      `${options.rounds} × ${options.seconds} s a row after ${options.warmupSeconds} s\n`,
  )
  const rows = wanted.filter((row) => findMissingFile(row, bench.root) === null)
  const samples = await measureRounds(bench, rows, options)
  const summaries = summarise(rows, samples, BARE_NODE)
  console.log(`\n${renderSummaries(summaries)}`)
  const { compared, failures } = await compareLatencies(bench, summaries, options)
  if (compared.length > 0) console.log(`\n${renderPairs(compared)}`)
  console.log(describeLeftOut(wanted, bench.root))
  if (options.json !== null) {
    const all = {
      machine,
      options,
      rows: summaries,
      samples: Object.fromEntries(samples),
      compared,
    }
    writeFileSync(options.json, `${JSON.stringify(all, null, 2)}\n`)
  }
  const invalid = [
    ...summaries.flatMap(({ name, errors }) => errors.map((error) => `"${name}": ${error}`)),
    ...failures,
  ]
  if (invalid.length === 0) return 0
  console.error(
    `\nINVALID, do not use these rows:\n${invalid.map((line) => `  ${line}`).join('\n')}`,
  )
  return INVALID
}

/** A line for each file that rows need and that does not exist. */
function describeLeftOut(rows: readonly Row[], root: string): string {
  const byFile = Map.groupBy(rows, (row) => findMissingFile(row, root))
  byFile.delete(null)
  return [...byFile]
    .map(([file, without]) => `\nleft out, as ${file} does not exist: ${toNames(without)}`)
    .join('')
}

function toNames(rows: readonly Row[]): string {
  return rows.map(({ name }) => `"${name}"`).join(', ')
}

/** A B C A B C, so that no row has all of its rounds in a noisy minute. */
async function measureRounds(
  bench: Bench,
  rows: readonly Row[],
  options: BenchOptions,
): Promise<Map<string, Sample[]>> {
  const samples = new Map<string, Sample[]>(rows.map(({ name }) => [name, []]))
  for (let round = 1; round <= options.rounds; round += 1) {
    for (const row of rows) {
      const sample = await measureRow(bench, row, options)
      samples.get(row.name)?.push(sample)
      const figure = sample.figures?.cpuUs.toFixed(1) ?? 'INVALID'
      console.error(`round ${round}/${options.rounds}  ${row.name}: ${figure}`)
    }
  }
  return samples
}

async function compareLatencies(
  bench: Bench,
  summaries: readonly RowSummary[],
  options: BenchOptions,
): Promise<{ compared: PairsRow[]; failures: string[] }> {
  const compared: PairsRow[] = []
  const failures: string[] = []
  for (const { name, yardstick, figures } of summaries) {
    if (options.pairs === 0 || name === yardstick || figures === null) continue
    const find = (wanted: string): Row => ROWS.find((row) => row.name === wanted)!
    try {
      const row = find(name)
      const against = row.latencyAgainst ?? yardstick
      const both = { row, yardstick: find(against) }
      const { ratePerSecond, summary } = await compareLatency(bench, both, options)
      failures.push(...summary.errors.map((error) => `"${name}" at a fixed rate: ${error}`))
      if (summary.errors.length === 0)
        compared.push({ name, yardstick: against, ratePerSecond, summary })
    } catch (error) {
      if (bench.children.isStopping) throw error
      failures.push(`"${name}" at a fixed rate: ${(error as Error).message}`)
    }
  }
  return { compared, failures }
}
