import { setTimeout as sleep } from 'node:timers/promises'
import { parseArgs } from 'node:util'
import { GatewayProcess } from './gateway-process.ts'
import { type Load, LOADS, type LoadState } from './loads.ts'
import { type MemorySample, toMemoryVerdict } from './memory-verdict.ts'
import { startSoakUpstream } from './soak-upstream.ts'

/**
 * `npm run soak -- --minutes 2`: every kind of client at once against the gateway command. Ends with
 * 1 when a good request failed, the worker was replaced, or its memory goes on growing.
 */
const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '2' },
    entry: { type: 'string', default: 'kernel/main.ts' },
    // V8's young generation as it comes: the verdict on memory means little then.
    'free-heap': { type: 'boolean', default: false },
  },
})
const SAMPLE_MS = 10_000
const SHOWN_FAILURES_MAX = 20

interface Tally {
  good: number
  readonly failures: string[]
}

const upstream = await startSoakUpstream()
const gateway = await GatewayProcess.start(upstream.port, {
  entry: values.entry,
  youngGeneration: values['free-heap'] ? 'free' : 'pinned',
})
try {
  process.exitCode = await soak(Number(values.minutes) * 60_000)
} finally {
  await gateway.stop()
  upstream.close()
}

async function soak(durationMs: number): Promise<number> {
  const startedMs = performance.now()
  const endsMs = startedMs + durationMs
  const tallies = new Map<string, Tally>(LOADS.map(({ name }) => [name, { good: 0, failures: [] }]))
  const clients = LOADS.flatMap((load) =>
    Array.from({ length: load.clients }, () => run(load, tallies.get(load.name)!, endsMs)),
  )
  const workerPid = gateway.workerPid
  const samples: MemorySample[] = []
  while (performance.now() < endsMs && gateway.running && gateway.workerPid === workerPid) {
    await sleep(Math.min(SAMPLE_MS, endsMs - performance.now()))
    const seconds = (performance.now() - startedMs) / 1000
    const megabytes = gateway.megabytes(workerPid)
    samples.push({ seconds, megabytes })
    const { good, failed } = sum(tallies)
    say(
      `${seconds.toFixed(0).padStart(5)} s  ${megabytes.toFixed(1).padStart(6)} MB  ` +
        `${good} good requests, ${failed} failed`,
    )
  }
  const isWhole = gateway.running && gateway.workerPid === workerPid
  await Promise.all(clients)
  return report(tallies, samples, isWhole)
}

async function run(load: Load, tally: Tally, endsMs: number): Promise<void> {
  const state: LoadState = { kept: null, turn: 0 }
  while (performance.now() < endsMs && gateway.running) {
    try {
      tally.good += await load.act(gateway.port, state)
    } catch (error) {
      tally.failures.push(`turn ${state.turn}: ${(error as Error).message}`)
      state.kept?.close()
      state.kept = null
    }
    state.turn++
    await sleep(load.pauseMs)
  }
  state.kept?.close()
}

function report(
  tallies: ReadonlyMap<string, Tally>,
  samples: readonly MemorySample[],
  isWhole: boolean,
): number {
  for (const [name, { good, failures }] of tallies) {
    say(`${name.padEnd(18)} ${String(good).padStart(8)} good  ${failures.length} failed`)
    for (const failure of failures.slice(0, SHOWN_FAILURES_MAX)) say(`    ${failure}`)
  }
  const { failed } = sum(tallies)
  const memory = toMemoryVerdict(samples)
  say(`worker: ${isWhole ? 'the same from beginning to end' : 'it was lost'}`)
  say(`good requests that failed: ${failed}`)
  say(`young generation: ${values['free-heap'] ? 'free' : 'pinned'}`)
  say(`memory: ${memory.flat ? 'flat' : 'NOT FLAT'}, ${memory.text}`)
  return isWhole && failed === 0 && memory.flat ? 0 : 1
}

function sum(tallies: ReadonlyMap<string, Tally>): { good: number; failed: number } {
  let good = 0
  let failed = 0
  for (const tally of tallies.values()) {
    good += tally.good
    failed += tally.failures.length
  }
  return { good, failed }
}

function say(line: string): void {
  process.stdout.write(`${line}\n`)
}
