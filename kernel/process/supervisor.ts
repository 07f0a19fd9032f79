import type { Logger } from 'pino'
import { CounterTable } from '../counters.ts'
import { TokenBuckets } from '../token-buckets.ts'
import type { GatewayStatus } from '../gateway.ts'
import type { Snapshot } from '../snapshot.ts'
import type { LineForwarder } from './line-forwarder.ts'
import type { PluginListing } from './plugin-listing.ts'
import type { CountItem, WorkerInit } from './worker-channel.ts'
import {
  type LoadOutcome,
  type WorkerProgram,
  type WorkerState,
  PINGS_MISSED_MAX,
  WorkerProcess,
} from './worker-process.ts'

export interface SupervisorOptions {
  readonly workers: number
  readonly program: WorkerProgram
  readonly init: Omit<WorkerInit, 'place' | 'listenFds' | 'silenceMs'>
  readonly fds: readonly number[]
  readonly stdout: LineForwarder
  readonly stderr: LineForwarder
  readonly log: Logger
  readonly timings: SupervisionTimings
}

/** All in milliseconds. */
export interface SupervisionTimings {
  /** A worker that answers nothing for so long is killed. 2 s: nothing honest holds a loop so long. */
  readonly silenceMs: number
  /** From the fork to the first connection: plugins have to be loaded into their sandboxes. */
  readonly startMs: number
  /** Before the second replacement in a row; doubled each time. The first comes at once. */
  readonly backOffMs: number
  /** 10 s: a gateway that cannot run should not take the machine with it. */
  readonly backOffMaxMs: number
  /** A worker that lived so long was a good one: the next replacement comes at once again. */
  readonly settledMs: number
  /** After the drain deadline, for closing what is left. */
  readonly graceMs: number
}

export const SUPERVISION_TIMINGS: SupervisionTimings = {
  silenceMs: 2000,
  startMs: 30_000,
  backOffMs: 100,
  backOffMaxMs: 10_000,
  settledMs: 30_000,
  graceMs: 2000,
}

/** A worker as the primary sees it, and as it sees itself: null when it does not answer. */
export interface WorkerReport {
  readonly place: number
  readonly pid: number
  readonly state: WorkerState
  readonly version: number
  readonly status: GatewayStatus | null
}

interface Place {
  worker: WorkerProcess
  failures: number
  timer: NodeJS.Timeout | null
}

/** Keeps N workers running and hands them the snapshots. */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #counters = new CounterTable()
  readonly #buckets = new TokenBuckets()
  readonly #places: Place[] = []
  /** Those that serve, and those that drain or are being killed. */
  readonly #alive = new Set<WorkerProcess>()
  readonly #catchingUp = new Map<WorkerProcess, Promise<void>>()
  readonly #waiters = new Set<() => void>()
  #plugins: readonly PluginListing[]
  #snapshot: Snapshot
  #heart: NodeJS.Timeout | null = null
  #state: 'starting' | 'running' | 'stopping' = 'starting'
  #failure: string | null = null
  /**
   * A worker that starts may be stuck in a plugin's code and never hear that the channel is closed:
   * without this it would outlive a primary that is told to end meanwhile.
   */
  readonly #onExit = () => {
    for (const worker of this.#alive) if (worker.state === 'starting') worker.kill('')
  }

  constructor(snapshot: Snapshot, options: SupervisorOptions) {
    this.#snapshot = snapshot
    this.#options = options
    this.#plugins = options.init.plugins
  }

  get workers(): { place: number; pid: number; state: WorkerState; version: number }[] {
    return [...this.#alive].map(({ place, pid, state, version }) => ({
      place,
      pid,
      state,
      version,
    }))
  }

  get isStopping(): boolean {
    return this.#state === 'stopping'
  }

  /** Of every worker that is there, with what it says about itself. */
  report(): Promise<WorkerReport[]> {
    return Promise.all(
      [...this.#alive].map(async (worker) => {
        const { place, pid, state, version } = worker
        return { place, pid, state, version, status: await worker.report() }
      }),
    )
  }

  get snapshot(): Snapshot {
    return this.#snapshot
  }

  /** Resolves when all workers serve. Rejects with the reason when one of them cannot. */
  async start(): Promise<void> {
    const { workers, timings } = this.#options
    this.#heart = setInterval(() => this.#beat(), timings.silenceMs / PINGS_MISSED_MAX)
    process.on('exit', this.#onExit)
    for (let place = 1; place <= workers; place += 1) {
      this.#places.push({ worker: this.#fork(place), failures: 0, timer: null })
    }
    const all = () => this.#places.every(({ worker }) => worker.state === 'serving')
    await this.#until(() => all() || this.#failure !== null)
    if (this.#failure !== null) throw new Error(this.#failure)
    this.#state = 'running'
  }

  /**
   * Puts a snapshot in force. One worker tries it first; when it refuses, nothing has changed for the
   * others, and this rejects with the reason. A worker that dies over it is followed by one more.
   */
  async publish(snapshot: Snapshot): Promise<void> {
    let outcome = await this.#try(snapshot)
    if (outcome === 'died') outcome = await this.#try(snapshot)
    if (outcome === 'died') throw new Error('two workers died while they loaded it')
    if (!outcome.ok) throw new Error(outcome.reason)
    this.#snapshot = snapshot
    await Promise.all([...this.#alive].map((worker) => this.#catchUp(worker)))
  }

  reopenLogs(): void {
    for (const worker of this.#alive) worker.reopenLogs()
  }

  /** Resolves when all workers are gone; who is not within the deadline and some grace is killed. */
  async stop(drainMs: number): Promise<void> {
    this.#state = 'stopping'
    for (const { timer } of this.#places) if (timer !== null) clearTimeout(timer)
    for (const worker of this.#alive) worker.drain(drainMs)
    const late = setTimeout(() => {
      for (const worker of this.#alive) worker.kill('it did not end in time')
    }, drainMs + this.#options.timings.graceMs)
    await this.#until(() => this.#alive.size === 0)
    clearTimeout(late)
    if (this.#heart !== null) clearInterval(this.#heart)
    process.off('exit', this.#onExit)
  }

  /** Ends the workers at once, with what they have in flight. */
  kill(): void {
    this.#state = 'stopping'
    for (const worker of this.#alive) worker.kill('the gateway ends at once')
  }

  async #try(snapshot: Snapshot): Promise<LoadOutcome | 'died'> {
    let canary: WorkerProcess | undefined
    await this.#until(() => {
      canary = [...this.#alive].find((worker) => worker.state === 'serving')
      return canary !== undefined || this.#state === 'stopping'
    })
    if (canary === undefined) return { ok: false, reason: 'the gateway is stopping' }
    const outcome = await this.#load(canary, snapshot)
    return !outcome.ok && canary.state === 'gone' ? 'died' : outcome
  }

  async #load(worker: WorkerProcess, snapshot: Snapshot): Promise<LoadOutcome> {
    const late = setTimeout(
      () => worker.kill('it did not load its snapshot in time'),
      this.#options.timings.startMs,
    )
    const outcome = await worker.load(snapshot)
    clearTimeout(late)
    return outcome
  }

  /** Brings a worker to the snapshot in force, also when that changes meanwhile. */
  #catchUp(worker: WorkerProcess): Promise<void> {
    let catchingUp = this.#catchingUp.get(worker)
    if (catchingUp === undefined) {
      catchingUp = this.#loadNewest(worker).finally(() => this.#catchingUp.delete(worker))
      this.#catchingUp.set(worker, catchingUp)
    }
    return catchingUp
  }

  async #loadNewest(worker: WorkerProcess): Promise<void> {
    while (worker.state !== 'gone' && worker.version !== this.#snapshot.version) {
      const snapshot = this.#snapshot
      if (worker.version > snapshot.version) return
      const outcome = await this.#load(worker, snapshot)
      if (outcome.ok) continue
      if (this.#state === 'starting') this.#failure ??= outcome.reason
      this.#options.log.error(
        { worker: worker.place, version: snapshot.version, reason: outcome.reason },
        'a worker cannot use the snapshot in force and is replaced',
      )
      worker.kill(outcome.reason)
      this.#wake()
      return
    }
  }

  #fork(place: number): WorkerProcess {
    const { init, program, fds, stdout, stderr, timings } = this.#options
    const worker = new WorkerProcess({
      program,
      init: { ...init, plugins: this.#plugins, place, listenFds: [], silenceMs: timings.silenceMs },
      fds,
      stdout,
      stderr,
      events: {
        onServing: (it) => this.#onServing(it),
        onLost: (it, reason) => this.#onLost(it, reason),
        onGone: (it) => {
          this.#alive.delete(it)
          this.#wake()
        },
        onPoisoned: (plugin, reason) => this.#onPoisoned(plugin, reason),
        onCount: (items) => items.map((item) => this.#count(item)),
      },
    })
    this.#alive.add(worker)
    setTimeout(() => {
      if (worker.state === 'starting') worker.kill('it did not start in time')
    }, timings.startMs).unref()
    void this.#catchUp(worker)
    return worker
  }

  #onServing(worker: WorkerProcess): void {
    this.#options.log.info(
      { worker: worker.place, workerPid: worker.pid, version: worker.version },
      'a worker serves',
    )
    // The snapshot may have changed while the first one was on its way.
    void this.#catchUp(worker)
    this.#wake()
  }

  #onLost(worker: WorkerProcess, reason: string): void {
    if (this.#state === 'stopping') return
    const { log, timings } = this.#options
    const place = this.#places[worker.place - 1]
    if (this.#state === 'starting' || place === undefined) {
      this.#failure ??= reason
      this.#wake()
      return
    }
    if (performance.now() - worker.startedMs >= timings.settledMs) place.failures = 0
    const delayMs = backOffMs(place.failures, timings)
    place.failures += 1
    log.error(
      { worker: worker.place, workerPid: worker.pid, reason, delayMs },
      'a worker is lost and is replaced',
    )
    const replace = () => {
      place.timer = null
      place.worker = this.#fork(worker.place)
    }
    if (delayMs === 0) replace()
    else place.timer = setTimeout(replace, delayMs)
  }

  /** The safety boundary is a process of its own; who has left its isolate is moved there. */
  #onPoisoned(name: string, reason: string): void {
    this.#options.log.error(
      { plugin: name, reason },
      'a plugin has hurt its worker and runs in the process tier from now on',
    )
    this.#plugins = this.#plugins.map((plugin) =>
      plugin.manifest.name === name && plugin.tier === 'isolate'
        ? { ...plugin, tier: 'process' }
        : plugin,
    )
  }

  #count([key, amount, windowMs, size]: CountItem): number {
    if (size === undefined) return this.#counters.add(key, amount, windowMs)
    return this.#buckets.spend(key, amount, { size, fillMs: windowMs })
  }

  #beat(): void {
    for (const worker of this.#alive) worker.beat()
  }

  #until(condition: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const check = () => {
        if (!condition()) return
        this.#waiters.delete(check)
        resolve()
      }
      this.#waiters.add(check)
      check()
    })
  }

  #wake(): void {
    for (const check of this.#waiters) check()
  }
}

/** How long a replacement waits after so many failures in a row. */
function backOffMs(failures: number, timings: SupervisionTimings): number {
  if (failures === 0) return 0
  return Math.min(timings.backOffMs * 2 ** (failures - 1), timings.backOffMaxMs)
}
