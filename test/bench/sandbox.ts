import { spawnSync } from 'node:child_process'
import { describeBareMachine, readBareMachine } from './machine.ts'
import { measureCrowd, measureIsolate, measureLone } from './sandbox-calls.ts'
import { measureChains } from './sandbox-chain.ts'
import { measureColdStart, measureMemory } from './sandbox-life.ts'
import type { Figure } from './sandbox-scene.ts'
import { renderTable } from './table.ts'

// What plugins cost by the tier that they run in: a call, a chain of them, a start, memory.

const scenarios: Readonly<Record<string, () => Promise<Figure[]>>> = {
  isolate: measureIsolate,
  process: measureCrowd,
  'process-lone': () => measureLone(null),
  'process-lone-pinned': () => measureLone('≤ 20'),
  'chain-inline': () => measureChains('inline'),
  'chain-isolate': () => measureChains('isolate'),
  'chain-process': () => measureChains('process'),
  'cold-isolate': () => measureColdStart('isolate'),
  'cold-process': () => measureColdStart('process'),
  'memory-isolate': () => measureMemory('isolate'),
  'memory-process': () => measureMemory('process'),
}

/** With all that it starts, on one core. */
const PINNED: ReadonlySet<string> = new Set(['process-lone-pinned'])
const CORE = '0'

/** Far beyond what a scenario takes on a machine that can be measured on. */
const SCENARIO_MS_MAX = 120_000

const [wanted, mark] = process.argv.slice(2)
// Each in a process of its own: compiled code, garbage and memory of one would be in the next.
if (mark === '--as-json') console.log(JSON.stringify(await scenarios[wanted!]!()))
else runAll(wanted)

function runAll(only: string | undefined): void {
  const names = Object.keys(scenarios).filter((name) => only === undefined || name.startsWith(only))
  if (names.length === 0) {
    console.error(`no scenario "${only}"; there are: ${Object.keys(scenarios).join(', ')}`)
    process.exitCode = 2
    return
  }
  console.log(describeBareMachine(readBareMachine()))
  const rows = names.flatMap((name) => {
    const figures = runApart(name)
    if (figures === null) process.exitCode = 1
    return figures === null ? [[name, 'INVALID', '']] : figures.map(toCells)
  })
  console.log(`\n${renderTable(['what', 'figure', 'bar'], rows)}`)
}

/** Null when it failed; what went wrong has been printed then. */
function runApart(name: string): Figure[] | null {
  const args = [...process.execArgv, import.meta.filename, name, '--as-json']
  const command = [process.execPath, ...args]
  if (PINNED.has(name)) command.unshift('taskset', '-c', CORE)
  const { status, stdout, error } = spawnSync(command[0]!, command.slice(1), {
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
    timeout: SCENARIO_MS_MAX,
  })
  if (error !== undefined) console.error(`${name}: ${error.message}`)
  return status === 0 ? (JSON.parse(stdout) as Figure[]) : null
}

function toCells({ what, value, bar = '' }: Figure): string[] {
  return [what, value >= 1_000 ? String(Math.round(value)) : value.toFixed(1), bar]
}
