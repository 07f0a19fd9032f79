import { setTimeout as sleep } from 'node:timers/promises'
import { readCores, usageBetween } from './core-usage.ts'
import type { FixedRateReport } from './fixed-rate.ts'
import { runFixedRateProcess } from './latency-pairs.ts'
import { waitUntilGood } from './probe.ts'
import { cpuBetween, readTree } from './process-tree.ts'
import type { Row } from './rows.ts'
import { BODY, startRow } from './start-row.ts'
import type { Bench, StartedRow } from './start-row.ts'
import { parseWrkOutput, toWrkArguments } from './wrk.ts'
import type { WrkReport } from './wrk.ts'
import { join } from 'node:path'

/** What the victim has on its route. */
const VICTIMS = ['sandboxed plugin', 'no plugin'] as const
export type VictimKind = (typeof VICTIMS)[number]

/** What the offender does meanwhile. */
export interface Offence {
  readonly name: string
  /** The plugin on the offender's route, as in a declarative file. */
  readonly plugin: string
  /** How many requests it has under way at a time. */
  readonly connections: number
  /**
   * An attack ends in a quarantine within a second, so it begins with what is measured; a flood is
   * there before.
   */
  readonly beginsWith: 'warm-up' | 'measurement'
  /** In this folder: how its client goes on when it was answered. */
  readonly script: string
}

export const OFFENCES: readonly Offence[] = [
  {
    name: 'flood of its honest plugin',
    plugin: '{ name: bench-header }',
    connections: 64,
    beginsWith: 'warm-up',
    script: 'wrk-report.lua',
  },
  {
    name: 'CPU loops, one after the other',
    plugin: '{ name: bench-hostile, config: { deed: loop } }',
    connections: 1,
    beginsWith: 'measurement',
    script: 'wrk-attack.lua',
  },
  {
    name: 'memory bombs, one after the other',
    plugin: '{ name: bench-hostile, config: { deed: bomb } }',
    connections: 1,
    beginsWith: 'measurement',
    script: 'wrk-attack.lua',
  },
]

/** A row of the table. */
export interface Pairing {
  readonly name: string
  readonly victim: VictimKind
  readonly offence: Offence
}

/** The rows whose name contains `only`, without case. Throws when there is none. */
export function selectPairings(only: string): Pairing[] {
  const all = VICTIMS.flatMap((victim) =>
    OFFENCES.map((offence) => ({ name: `${victim}, ${offence.name}`, victim, offence })),
  )
  const wanted = all.filter(({ name }) => name.toLowerCase().includes(only.toLowerCase()))
  if (wanted.length > 0) return wanted
  const names = all.map(({ name }) => `"${name}"`).join(', ')
  throw new Error(`--only is "${only}": no row's name contains it; the rows are ${names}`)
}

/** What an offender has sent, and what of it was refused or failed. */
export interface Offended {
  readonly requests: number
  readonly refused: number
}

export interface SceneOptions {
  readonly victim: VictimKind
  readonly offence: Offence
  /** As many offenders wait for their turn, each a tenant of its own: quarantines outlast a pair. */
  readonly offenders: number
  readonly seconds: number
  readonly warmupSeconds: number
}

const VICTIM_PATH = '/victim'
const CLOSED_LOOP = { connections: 32, seconds: 1 }
/** The load client has started and connected by then. */
const CLIENT_START_MS = 300

/** A gateway with a victim and offenders, and who asks them. */
export class NeighboursScene {
  readonly #bench: Bench
  readonly #options: SceneOptions
  readonly #row: Row
  readonly #started: StartedRow
  readonly #workers: string
  #offender = 0
  readonly offended: Offended[] = []
  /** Share of the core of clients and upstream that was busy in the last run. */
  loadCoreBusy = 0

  private constructor(bench: Bench, options: SceneOptions, row: Row, started: StartedRow) {
    this.#bench = bench
    this.#options = options
    this.#row = row
    this.#started = started
    this.#workers = this.#readWorkers()
  }

  static async start(bench: Bench, options: SceneOptions): Promise<NeighboursScene> {
    const row = toRow(options)
    const started = await startRow(bench, row)
    const { child, port } = started
    try {
      await waitUntilGood({ ...row, answerHeaders: [] }, { child, port, body: BODY })
      return new NeighboursScene(bench, options, row, started)
    } catch (error) {
      await bench.children.stop(child)
      throw error
    }
  }

  async stop(): Promise<void> {
    await this.#bench.children.stop(this.#started.child)
  }

  /** Why what was measured counts for nothing; empty when the worker is the one from the start. */
  describeEnd(): string[] {
    const { child } = this.#started
    if (child.hasExited()) return [`the gateway has ended, saying: ${child.tail()}`]
    const now = this.#readWorkers()
    return now === this.#workers ? [] : [`the worker ${this.#workers} became ${now}`]
  }

  /** The victim's closed loop: as much as can be, and what its sandbox burns for it. */
  async runClosedLoop(): Promise<{ report: WrkReport; sandboxUs: number }> {
    const { child, classify } = this.#started
    const before = readTree(child.pid, classify)
    const report = await this.#runWrk(VICTIM_PATH, CLOSED_LOOP)
    const { byKindUs } = cpuBetween(before, readTree(child.pid, classify))
    return { report, sandboxUs: byKindUs['sandbox'] ?? 0 }
  }

  async runQuiet(ratePerSecond: number, seconds = this.#options.seconds): Promise<FixedRateReport> {
    const { port } = this.#started
    const { warmupSeconds } = this.#options
    const running = runFixedRateProcess(this.#bench.children, this.#bench.loadCore, {
      ...{ port, path: VICTIM_PATH, ratePerSecond, seconds, warmupSeconds },
      headers: this.#row.requestHeaders,
    })
    // What fails is told by the report, not by how busy a core was meanwhile.
    await Promise.race([running, sleep(CLIENT_START_MS + warmupSeconds * 1_000)]).catch(() => null)
    const before = readCores()
    const report = await running
    this.loadCoreBusy = usageBetween(before, readCores(), this.#bench.loadCore).busy
    return report
  }

  /** The same beside the next offender. */
  async runBesideOffender(ratePerSecond: number): Promise<FixedRateReport> {
    const { offence, seconds, warmupSeconds } = this.#options
    const path = `/offender-${(this.#offender += 1)}`
    const isLate = offence.beginsWith === 'measurement'
    const [report, offended] = await Promise.all([
      this.runQuiet(ratePerSecond),
      sleep(isLate ? CLIENT_START_MS + warmupSeconds * 1_000 : 0).then(() =>
        this.#runWrk(
          path,
          {
            connections: offence.connections,
            seconds: seconds + (isLate ? 0 : warmupSeconds + 1),
          },
          offence.script,
        ),
      ),
    ])
    const { requests, errors } = offended
    const refused = errors.status + errors.read + errors.timeout
    this.offended.push({ requests, refused })
    return report
  }

  async #runWrk(
    path: string,
    load: { connections: number; seconds: number },
    scriptName = 'wrk-report.lua',
  ): Promise<WrkReport> {
    const { children, wrk, root, loadCore } = this.#bench
    const script = join(root, 'test/bench', scriptName)
    const url = `http://127.0.0.1:${this.#started.port}${path}`
    const args = toWrkArguments({ ...load, url, threads: 1, script, headers: {} })
    // On a core that they share it gives way to the victim's client and the upstream, which would else
    // wait for it and not for the gateway.
    const child = children.start(['chrt', '--idle', '0', wrk, ...args], { core: loadCore })
    await child.exited
    return parseWrkOutput(child.tail())
  }

  #readWorkers(): string {
    const { child, classify } = this.#started
    const workers = readTree(child.pid, classify).filter(({ kind }) => kind === 'worker')
    return workers.map(({ pid }) => pid).join()
  }
}

function toRow(options: SceneOptions): Row {
  const plugins = ['header', 'hostile'].map((name) => `test/bench/${name}-plugin.ts=process`)
  return {
    name: `${options.victim} beside ${options.offence.name}`,
    yardstick: '',
    needs: [],
    requestHeaders: {},
    answerHeaders: options.victim === 'no plugin' ? [] : ['x-bench'],
    start: { kind: 'gateway', accessLog: false, plugins, config: toConfig(options) },
  }
}

/** Tenants and their routes; the service is the one that every row has. */
export function toConfig({ victim, offence, offenders }: SceneOptions): string {
  const names = Array.from({ length: offenders }, (_, at) => `offender-${at + 1}`)
  const toRoute = (name: string, plugins: string): string =>
    `  - { name: ${name}, paths: [/${name}], service: bench, tenant: ${name}, plugins: [${plugins}] }`
  return [
    'tenants:',
    ...['victim', ...names].map((name) => `  - { name: ${name} }`),
    'routes:',
    toRoute('victim', victim === 'no plugin' ? '' : '{ name: bench-header }'),
    ...names.map((name) => toRoute(name, offence.plugin)),
    '',
  ].join('\n')
}
