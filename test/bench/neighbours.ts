import { setTimeout as sleep } from 'node:timers/promises'
import { measurePairs, summarisePairs } from './latency-pairs.ts'
import { describeMachine, readMachine } from './machine.ts'
import { NEIGHBOURS_USAGE, parseNeighboursOptions } from './neighbours-options.ts'
import type { NeighboursOptions } from './neighbours-options.ts'
import { NeighboursScene, selectPairings } from './neighbours-scene.ts'
import type { Pairing, VictimKind } from './neighbours-scene.ts'
import { renderNeighbours } from './neighbours-table.ts'
import type { NeighboursRow } from './neighbours-table.ts'
import { fitRate, judge, toCapacity, toChargedUs, toRefillMs } from './neighbours-verdict.ts'
import type { ClosedLoop } from './neighbours-verdict.ts'
import type { Bench } from './start-row.ts'
import { median } from './summary.ts'
import { INVALID, UNABLE, findHindrances, runWithin } from './within.ts'

// What a tenant feels of another one that floods or attacks its own sandbox.

/** A round that is not faster by this much than the best before tells that the engine is warm. */
const WARM_GROWTH = 1.05
const WARM_ROUNDS_MAX = 12

process.exitCode = await main(process.argv.slice(2))

async function main(argv: readonly string[]): Promise<number> {
  let options: NeighboursOptions
  let pairings: Pairing[]
  try {
    options = parseNeighboursOptions(argv)
    pairings = selectPairings(options.only)
  } catch (error) {
    console.error(`${(error as Error).message}\n\n${NEIGHBOURS_USAGE}`)
    return UNABLE
  }
  if (options.help) {
    console.log(NEIGHBOURS_USAGE)
    return 0
  }
  const hindrances = findHindrances()
  if (hindrances.length > 0) {
    console.error(hindrances.join('\n'))
    return UNABLE
  }
  return runWithin((bench) => runAll(bench, pairings, options))
}

async function runAll(
  bench: Bench,
  pairings: readonly Pairing[],
  options: NeighboursOptions,
): Promise<number> {
  console.log(describeMachine(readMachine(bench)))
  console.log(
    `gateway on core ${bench.proxyCore}, clients and upstream on core ${bench.loadCore}; ` +
      `${options.pairs} pairs of ${options.seconds} s a side after ${options.warmupSeconds} s`,
  )
  const rows: NeighboursRow[] = []
  const failures: string[] = []
  for (const { name, victim, offence } of pairings) {
    try {
      const row = await measureRow(bench, { name, victim, offence, ...options })
      rows.push(row)
      console.error(`${name}: p99 grew by ${(row.verdict.growthUs / 1_000).toFixed(2)} ms`)
      failures.push(...row.errors.map((error) => `"${name}": ${error}`))
    } catch (error) {
      if (bench.children.isStopping) throw error
      failures.push(`"${name}": ${(error as Error).message}`)
    }
  }
  console.log(`\n${renderNeighbours(rows)}`)
  if (failures.length === 0) return 0
  console.error(`\nINVALID:\n${failures.map((line) => `  ${line}`).join('\n')}`)
  return INVALID
}

async function measureRow(
  bench: Bench,
  options: NeighboursOptions & Pairing,
): Promise<NeighboursRow> {
  const { name, victim, pairs } = options
  const scene = await NeighboursScene.start(bench, { ...options, offenders: pairs })
  try {
    const capacity = await findCapacity(scene, victim)
    const ratePerSecond = await fitRate(capacity / 2, async (rate) => {
      const { clientLagP99Us: lagUs } = await scene.runQuiet(rate, 1)
      return { lagUs, coreBusy: scene.loadCoreBusy }
    })
    const loadCoreBusy: number[] = []
    const measured = await measurePairs({
      pairs,
      base: () => scene.runQuiet(ratePerSecond),
      other: async () => {
        const report = await scene.runBesideOffender(ratePerSecond)
        loadCoreBusy.push(scene.loadCoreBusy)
        return report
      },
    })
    const summary = summarisePairs(measured)
    const errors = [...summary.errors, ...scene.describeEnd()]
    const verdict = judge(measured, summary)
    const { clientLagP99Us } = summary
    const { offended } = scene
    return {
      ...{ name, capacity, ratePerSecond, verdict, clientLagP99Us, offended, errors },
      loadCoreBusy: median(loadCoreBusy),
    }
  } finally {
    await scene.stop()
  }
}

/** Closed loops until the engine has compiled what it will; each within the victim's budget. */
async function findCapacity(scene: NeighboursScene, victim: VictimKind): Promise<number> {
  let best: ClosedLoop = { ratePerSecond: 0, chargedUsPerRequest: 0 }
  for (let round = 0; round < WARM_ROUNDS_MAX; round += 1) {
    const { report, sandboxUs } = await scene.runClosedLoop()
    const hasPlugin = victim !== 'no plugin'
    const chargedUs = hasPlugin ? toChargedUs(report.requests, sandboxUs) : 0
    if (hasPlugin) await sleep(toRefillMs(chargedUs))
    const ratePerSecond = (report.requests / report.durationUs) * 1e6
    const isWarm = ratePerSecond < best.ratePerSecond * WARM_GROWTH
    if (ratePerSecond > best.ratePerSecond) {
      best = { ratePerSecond, chargedUsPerRequest: chargedUs / report.requests }
    }
    if (isWarm) break
  }
  return toCapacity(best)
}
