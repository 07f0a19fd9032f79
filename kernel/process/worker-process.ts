import { type ChildProcess, fork } from 'node:child_process'
import { setImmediate as nextTurn } from 'node:timers/promises'
import type { GatewayStatus } from '../gateway.ts'
import type { Snapshot } from '../snapshot.ts'
import type { LineForwarder } from './line-forwarder.ts'
import {
  type CountItem,
  type MessageToPrimary,
  type MessageToWorker,
  type WorkerInit,
  toMessages,
} from './worker-channel.ts'

/**
 * The states of a worker, in the order of a life:
 * `starting`  it was forked and has no snapshot yet;
 * `serving`   it accepts connections;
 * `draining`  it accepts nothing new and ends when what is in flight is over;
 * `gone`      its process has ended.
 */
export type WorkerState = 'starting' | 'serving' | 'draining' | 'gone'

/** The program that a worker runs: this one again, but for tests. */
export interface WorkerProgram {
  readonly file: string
  readonly args: readonly string[]
  readonly execArgv: readonly string[]
}

export interface WorkerEvents {
  onServing(worker: WorkerProcess): void
  /** It will serve no more, though its process may live on for a while. Told once. */
  onLost(worker: WorkerProcess, reason: string): void
  onGone(worker: WorkerProcess): void
  onPoisoned(plugin: string, reason: string): void
  onCount(items: readonly CountItem[]): number[]
}

export interface WorkerProcessOptions {
  readonly program: WorkerProgram
  readonly init: WorkerInit
  readonly fds: readonly number[]
  readonly stdout: LineForwarder
  readonly stderr: LineForwarder
  readonly events: WorkerEvents
}

export type LoadOutcome = { readonly ok: true } | { readonly ok: false; readonly reason: string }

/** Descriptors 0 to 2 and the channel come first. */
const FIRST_INHERITED_FD = 4
/** A worker that has not answered so many pings in a row is silent. */
export const PINGS_MISSED_MAX = 4
/** A worker that is not heard of by then is busy or stuck; whoever reads metrics does not wait for it. */
const REPORT_MS = 500

/** One worker, as the primary sees it. */
export class WorkerProcess {
  readonly place: number
  readonly startedMs = performance.now()
  readonly #child: ChildProcess
  readonly #events: WorkerEvents
  #state: WorkerState = 'starting'
  #version = 0
  #lost = false
  #killedFor: string | null = null
  #loading: { version: number; resolve: (outcome: LoadOutcome) => void } | null = null
  #loads: Promise<unknown> = Promise.resolve()
  #ping = 0
  #pong = 0
  #missed = 0
  #reports = 0
  #reporting: Promise<GatewayStatus | null> | null = null
  #onReport: (status: GatewayStatus | null) => void = () => {}

  constructor(options: WorkerProcessOptions) {
    const { program, init, fds, events } = options
    this.place = init.place
    this.#events = events
    this.#child = fork(program.file, [...program.args], {
      execArgv: [...program.execArgv],
      stdio: ['ignore', 'pipe', 'pipe', 'ipc', ...fds],
      serialization: 'json',
    })
    options.stdout.attach(this.#child.stdout!)
    options.stderr.attach(this.#child.stderr!)
    this.#child.on('message', (message) => this.#onMessage(message as MessageToPrimary))
    this.#child.on('error', (error) => {
      this.#killedFor ??= error.message
      // A program that could not even be started has no exit.
      if (this.#child.pid === undefined) this.#onExit(null, null)
    })
    this.#child.on('exit', (code, signal) => this.#onExit(code, signal))
    const listenFds = fds.map((_, index) => FIRST_INHERITED_FD + index)
    this.#send({ kind: 'init', ...init, listenFds })
  }

  get pid(): number {
    return this.#child.pid ?? 0
  }
  get state(): WorkerState {
    return this.#state
  }
  /** Of the snapshot in force there; 0 before the first. */
  get version(): number {
    return this.#version
  }

  /** Hands a snapshot over; one after the other. Never rejects: a worker that dies has refused. */
  load(snapshot: Snapshot): Promise<LoadOutcome> {
    const load = this.#loads.then(() => this.#load(snapshot))
    this.#loads = load
    return load
  }

  /**
   * To be called at even times. Missed answers are counted in calls, not by the clock: when it was
   * the primary that stood still, its timer has fired once and nobody is to blame.
   */
  beat(): void {
    if (this.#state === 'gone') return
    if (this.#ping === this.#pong) {
      this.#missed = 0
      this.#ping += 1
      this.#send({ kind: 'ping', number: this.#ping })
      return
    }
    // A start loads programs, which holds the loop; it has a limit of its own.
    if (this.#state === 'starting') return
    this.#missed += 1
    if (this.#missed >= PINGS_MISSED_MAX) this.kill('it was silent for too long')
  }

  /** What it says about itself; null when it does not within `REPORT_MS`. Who asks meanwhile shares it. */
  report(): Promise<GatewayStatus | null> {
    if (this.#state === 'gone') return Promise.resolve(null)
    this.#reporting ??= new Promise<GatewayStatus | null>((resolve) => {
      const late = setTimeout(() => this.#onReported(this.#reports, null), REPORT_MS)
      this.#onReport = (status) => {
        clearTimeout(late)
        resolve(status)
      }
      this.#reports += 1
      this.#send({ kind: 'report', number: this.#reports })
    })
    return this.#reporting
  }

  reopenLogs(): void {
    this.#send({ kind: 'reopenLogs' })
  }

  drain(deadlineMs: number): void {
    if (this.#state === 'gone') return
    this.#state = 'draining'
    this.#send({ kind: 'drain', deadlineMs })
  }

  kill(reason: string): void {
    this.#killedFor ??= reason
    this.#child.kill('SIGKILL')
  }

  async #load(snapshot: Snapshot): Promise<LoadOutcome> {
    if (this.#state === 'gone') return { ok: false, reason: 'the worker is gone' }
    const outcome = new Promise<LoadOutcome>((resolve) => {
      this.#loading = { version: snapshot.version, resolve }
    })
    for (const message of toMessages(snapshot)) {
      await this.#sendAndWait(message)
      // Pings and counts of other workers get their turn between two parts.
      await nextTurn()
    }
    return outcome
  }

  #onMessage(message: MessageToPrimary): void {
    switch (message.kind) {
      case 'pong':
        this.#pong = message.number
        return
      case 'count':
        this.#send({
          kind: 'counted',
          batch: message.batch,
          totals: this.#events.onCount(message.items),
        })
        return
      case 'reported':
        this.#onReported(message.number, message.status)
        return
      case 'loaded':
        this.#version = message.version
        this.#settle(message.version, { ok: true })
        return
      case 'refused':
        this.#settle(message.version, { ok: false, reason: message.reason })
        return
      case 'listening':
        if (this.#state !== 'starting') return
        this.#state = 'serving'
        this.#events.onServing(this)
        return
      case 'unable':
        this.#killedFor ??= message.reason
        return
      case 'poisoned':
        this.#events.onPoisoned(message.plugin, message.reason)
        return
      case 'leaving':
        this.#state = 'draining'
        this.#lose('it was told to leave')
    }
  }

  #onReported(number: number, status: GatewayStatus | null): void {
    // One that comes late is not the one that is waited for.
    if (number !== this.#reports || this.#reporting === null) return
    this.#reporting = null
    this.#onReport(status)
  }

  #settle(version: number, outcome: LoadOutcome): void {
    if (this.#loading?.version !== version) return
    this.#loading.resolve(outcome)
    this.#loading = null
  }

  #onExit(code: number | null, signal: string | null): void {
    this.#state = 'gone'
    this.#onReported(this.#reports, null)
    const how = signal === null ? `it exited with code ${code}` : `it was ended by ${signal}`
    this.#lose(this.#killedFor ?? how)
    this.#events.onGone(this)
  }

  #lose(reason: string): void {
    if (this.#loading !== null) {
      this.#settle(this.#loading.version, { ok: false, reason: `worker ${this.place}: ${reason}` })
    }
    if (this.#lost) return
    this.#lost = true
    this.#events.onLost(this, reason)
  }

  #send(message: MessageToWorker): void {
    // An error here means that the channel has closed: the exit follows and tells the rest.
    if (this.#child.connected) this.#child.send(message, () => {})
  }

  #sendAndWait(message: MessageToWorker): Promise<void> {
    return new Promise((resolve) => {
      if (!this.#child.connected) return resolve()
      this.#child.send(message, () => resolve())
    })
  }
}
