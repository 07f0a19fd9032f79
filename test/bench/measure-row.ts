import { createReadStream, rmSync } from 'node:fs'
import { join } from 'node:path'
import { readCores, usageBetween } from './core-usage.ts'
import type { CoreTicks } from './core-usage.ts'
import { describeMissingRefusal, waitUntilGood } from './probe.ts'
import { TICK_US, cpuBetween, readTree } from './process-tree.ts'
import type { TreeCpu } from './process-tree.ts'
import type { Row } from './rows.ts'
import { BODY, startRow } from './start-row.ts'
import type { Bench, StartedRow } from './start-row.ts'
import { describeOddSize, describeWrkErrors, parseWrkOutput, toWrkArguments } from './wrk.ts'
import type { WrkReport } from './wrk.ts'

/** The figures of one row in one round. */
export interface Figures {
  /** CPU of the proxy's processes. */
  readonly cpuUs: number
  readonly cpuUsByKind: Readonly<Record<string, number>>
  readonly rps: number
  readonly p50Us: number
  readonly p99Us: number
  /** Shares of a core's time, 0 to 1. */
  readonly proxyCoreBusy: number
  readonly loadCoreBusy: number
  /** Of the proxy's core: what others used and what the hypervisor took. High means: noisy. */
  readonly proxyCoreForeign: number
}

/** With any error the figures mean nothing, so there are none. */
export type Sample =
  | { readonly figures: Figures; readonly errors: readonly [] }
  | { readonly figures: null; readonly errors: readonly string[] }

export interface Load {
  readonly seconds: number
  readonly warmupSeconds: number
}

/** The load of the table in the README: 64 keep-alive connections; one thread, as the client has one core. */
const CONNECTIONS = 64
const THREADS = 1

/** Starts the row's proxy, warms it up, measures it and stops it. Throws only when the bench is stopped. */
export async function measureRow(bench: Bench, row: Row, load: Load): Promise<Sample> {
  let started: StartedRow | null = null
  try {
    started = await startRow(bench, row)
    const { child, port } = started
    const answer = await waitUntilGood(row, { child, port, body: BODY })
    const errors = await describeMissingRefusal(row, port)
    if (load.warmupSeconds > 0) await runWrk(bench, row, { port, seconds: load.warmupSeconds })
    const { figures, report, stdoutBytes } = await measureLoad(bench, row, started, load.seconds)
    errors.push(...describeWrkErrors(report), ...describeOddSize(report, answer.bytes))
    if (child.hasExited()) errors.push(`it ended while it was measured, saying: ${child.tail()}`)
    else await waitUntilGood(row, { child, port, body: BODY })
    if (started.isQuiet && stdoutBytes > report.requests) {
      errors.push(`it wrote ${stdoutBytes} bytes to its standard output: is a log not off?`)
    }
    await bench.children.stop(child)
    errors.push(...(await describeMissingLog(started, report)))
    return errors.length === 0 ? { figures, errors: [] } : { figures: null, errors }
  } catch (error) {
    if (bench.children.isStopping) throw error
    return { figures: null, errors: [(error as Error).message] }
  } finally {
    if (started !== null) {
      await bench.children.stop(started.child)
      if (started.accessLog !== null) rmSync(started.accessLog, { force: true })
    }
  }
}

/** Runs wrk against a port and waits for its report. */
export async function runWrk(
  bench: Bench,
  row: Row,
  { port, seconds }: { port: number; seconds: number },
): Promise<WrkReport> {
  const wrkArguments = toWrkArguments({
    url: `http://127.0.0.1:${port}/`,
    seconds,
    connections: CONNECTIONS,
    threads: THREADS,
    script: join(bench.root, 'test/bench/wrk-report.lua'),
    headers: row.requestHeaders,
  })
  const wrk = bench.children.start([bench.wrk, ...wrkArguments], { core: bench.loadCore })
  await wrk.exited
  return parseWrkOutput(wrk.tail())
}

/** Pure arithmetic over what was read before and after. */
export function toFigures(
  report: WrkReport,
  cpu: TreeCpu,
  cores: {
    before: ReadonlyMap<number, CoreTicks>
    after: ReadonlyMap<number, CoreTicks>
    proxyCore: number
    loadCore: number
  },
): Figures {
  const { before, after, proxyCore, loadCore } = cores
  const proxyUsage = usageBetween(before, after, proxyCore)
  const ownShare = proxyUsage.ticks === 0 ? 0 : cpu.totalUs / TICK_US / proxyUsage.ticks
  const perRequest = (us: number): number => us / report.requests
  return {
    cpuUs: perRequest(cpu.totalUs),
    cpuUsByKind: Object.fromEntries(
      Object.entries(cpu.byKindUs).map(([kind, us]) => [kind, perRequest(us)]),
    ),
    rps: (report.requests / report.durationUs) * 1e6,
    p50Us: report.p50Us,
    p99Us: report.p99Us,
    proxyCoreBusy: proxyUsage.busy,
    loadCoreBusy: usageBetween(before, after, loadCore).busy,
    proxyCoreForeign: Math.max(0, proxyUsage.busy + proxyUsage.stolen - ownShare),
  }
}

async function measureLoad(
  bench: Bench,
  row: Row,
  { child, port, classify }: StartedRow,
  seconds: number,
): Promise<{ figures: Figures; report: WrkReport; stdoutBytes: number }> {
  const stdoutBefore = child.stdoutBytes()
  const coresBefore = readCores()
  const treeBefore = readTree(child.pid, classify)
  const report = await runWrk(bench, row, { port, seconds })
  const cpu = cpuBetween(treeBefore, readTree(child.pid, classify))
  const { proxyCore, loadCore } = bench
  const cores = { before: coresBefore, after: readCores(), proxyCore, loadCore }
  const figures = toFigures(report, cpu, cores)
  return { figures, report, stdoutBytes: child.stdoutBytes() - stdoutBefore }
}

/** A log that drops lines is cheaper than one that writes them. Call it when the proxy has ended. */
async function describeMissingLog(started: StartedRow, report: WrkReport): Promise<string[]> {
  if (started.accessLog === null) return []
  const lines = await countLines(started.accessLog)
  if (lines >= report.requests) return []
  return [`its access log has ${lines} lines for ${report.requests} requests`]
}

async function countLines(file: string): Promise<number> {
  let lines = 0
  try {
    for await (const chunk of createReadStream(file, { highWaterMark: 1 << 20 })) {
      const bytes = chunk as Buffer
      for (let at = bytes.indexOf(10); at !== -1; at = bytes.indexOf(10, at + 1)) lines += 1
    }
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
  }
  return lines
}
