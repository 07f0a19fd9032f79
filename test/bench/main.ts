import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Children } from './children.ts'
import { compareLatency } from './compare-latency.ts'
import { readAllowedCores } from './core-usage.ts'
import { describeMachine, readMachine } from './machine.ts'
import { measureRow } from './measure-row.ts'
import type { Sample } from './measure-row.ts'
import { USAGE, parseBenchOptions } from './options.ts'
import type { BenchOptions } from './options.ts'
import { waitUntilGood } from './probe.ts'
import { BARE_NODE, ROWS, findMissingFile, selectRows } from './rows.ts'
import type { Row } from './rows.ts'
import { BODY, startUpstream } from './start-row.ts'
import type { Bench } from './start-row.ts'
import { summarise } from './summary.ts'
import type { RowSummary } from './summary.ts'
import { renderPairs, renderSummaries } from './table.ts'
import type { PairsRow } from './table.ts'
import { TOOLS, describeMissingTools, findTool } from './tools.ts'

/** Exit codes: 1 when a row is invalid, 2 when nothing could be measured at all. */
const INVALID = 1
const UNABLE = 2

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

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

/** Why the bench cannot run on this machine, one sentence each. */
function findHindrances(): string[] {
  if (process.platform !== 'linux') {
    return [`The bench reads /proc, so it runs on Linux only; this is ${process.platform}.`]
  }
  const missing = describeMissingTools(TOOLS)
  if (readAllowedCores().length >= 2) return missing
  return [...missing, 'The bench needs two cores, one for the proxy and one for the load.']
}

/** Makes what the rows share, and leaves nothing of it behind, however the work ends. */
async function runWithin(work: (bench: Bench) => Promise<number>): Promise<number> {
  const [loadCore, proxyCore] = readAllowedCores() as [number, number]
  const children = new Children()
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
  let stoppedBy = ''
  process.once('exit', () => {
    children.killAll()
    rmSync(folder, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      stoppedBy = signal
      // Whatever the rows wait for ends by this, so `work` fails below.
      void children.stopAll()
    })
  }
  try {
    // What this process does (a shell of timers and pipes) is not to disturb the proxy's core.
    spawnSync('taskset', ['-a', '-c', '-p', String(loadCore), String(process.pid)])
    const nginx = findTool('nginx') ?? 'nginx'
    const wrk = findTool('wrk') ?? 'wrk'
    const shared = { children, root: ROOT, folder, nginx, wrk, proxyCore, loadCore }
    const upstream = await startUpstream(shared)
    const expected = { requestHeaders: {}, answerHeaders: [] }
    await waitUntilGood(expected, { ...upstream, body: BODY })
    return await work({ ...shared, upstreamPort: upstream.port })
  } catch (error) {
    if (stoppedBy === '') throw error
    console.error(`stopped by ${stoppedBy}; everything that was started is ended`)
    return UNABLE
  } finally {
    await children.stopAll()
  }
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
