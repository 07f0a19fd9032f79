import type { DestinationStream, Logger } from 'pino'
import type { Counters } from '../counters.ts'
import { SecretTexts } from '../effects/secret-texts.ts'
import type { Snapshot } from '../snapshot.ts'
import { type AccessLog, openAccessLog } from '../telemetry/access-log.ts'
import { createLog, openLogDestination } from '../telemetry/log.ts'
import type { Parts, RunningGateway } from './parts.ts'
import { toPluginCode } from './plugin-listing.ts'
import {
  type MessageToPrimary,
  type MessageToWorker,
  SnapshotAssembly,
  type WorkerInit,
} from './worker-channel.ts'
import { WorkerCounters } from './worker-counters.ts'

export type WorkerParts = Pick<Parts, 'bundledPlugins' | 'hostFactories' | 'createGateway'>

/** A process with a channel to the one that forked it. */
export type ForkedProcess = Pick<
  NodeJS.Process,
  'on' | 'send' | 'connected' | 'exit' | 'pid' | 'channel'
>

/**
 * Runs a worker in this process: does what the primary says, and ends with it. Nothing here decides
 * when to load or to stop.
 */
export function runWorker(parts: WorkerParts, self: ForkedProcess): void {
  const worker = new Worker(parts, self)
  self.on('message', (message) => worker.onMessage(message as MessageToWorker))
  // Its primary is gone, also when nobody could say good-bye: no worker outlives it.
  self.on('disconnect', () => worker.leave('the primary is gone'))
  // A terminal sends SIGINT to everybody; the primary decides what follows from it.
  self.on('SIGINT', () => {})
  self.on('SIGTERM', () => worker.leave('SIGTERM'))
  self.on('uncaughtException', (error) => worker.onUncaught(error))
  self.on('unhandledRejection', (reason) => worker.onRejection(reason))
  // Its primary may have gone while the modules were loaded, when nobody listened.
  if (!self.connected) worker.leave('the primary is gone')
}

/** A worker in an unknown state finishes what it can, and this is how long it may take. */
const UNCAUGHT_DRAIN_MS = 5000

/** After the drain deadline, for closing what is left. */
const GRACE_MS = 1000

/** What there is once `init` was handled. */
interface Running {
  readonly init: WorkerInit
  readonly log: Logger
  readonly accessLog: AccessLog | null
  readonly gateway: Promise<RunningGateway>
}

class Worker {
  readonly #parts: WorkerParts
  readonly #self: ForkedProcess
  readonly #counters: WorkerCounters
  readonly #assembly = new SnapshotAssembly()
  #running: Running | null = null
  #loads: Promise<void> = Promise.resolve()
  #listening = false
  #leaving = false
  #silence: NodeJS.Timeout | null = null

  constructor(parts: WorkerParts, self: ForkedProcess) {
    this.#parts = parts
    this.#self = self
    this.#counters = new WorkerCounters((batch, items) =>
      this.#send({ kind: 'count', batch, items }),
    )
  }

  onMessage(message: MessageToWorker): void {
    switch (message.kind) {
      case 'init':
        this.#init(message)
        return
      case 'snapshotBegin':
        this.#assembly.begin(message)
        return
      case 'snapshotPart':
        this.#assembly.part(message)
        return
      case 'snapshotEnd': {
        const snapshot = this.#assembly.end(message)
        if (snapshot !== null) this.#loads = this.#loads.then(() => this.#load(snapshot))
        return
      }
      case 'ping':
        this.#send({ kind: 'pong', number: message.number })
        this.#silence?.refresh()
        return
      case 'counted':
        this.#counters.onCounted(message.batch, message.totals)
        return
      case 'report':
        void this.#report(message.number)
        return
      case 'reopenLogs':
        this.#running?.accessLog?.reopen()
        return
      case 'drain':
        void this.#drain(message.deadlineMs, 0)
    }
  }

  /** Goes without being told to by the primary, which starts a replacement when it still can. */
  leave(reason: string): void {
    if (!this.#self.connected) this.#counters.close()
    if (this.#leaving) return
    this.#running?.log.warn({ reason }, 'the worker drains and ends')
    this.#send({ kind: 'leaving' })
    void this.#drain(this.#running?.init.drainMs ?? 0, 0)
  }

  onUncaught(error: Error): void {
    this.#running?.log.error({ err: error }, 'an error reached nobody; the worker is replaced')
    this.#send({ kind: 'leaving' })
    void this.#drain(UNCAUGHT_DRAIN_MS, 1)
  }

  onRejection(reason: unknown): void {
    this.#running?.log.error({ err: reason }, 'a rejected promise was handled by nobody')
  }

  #init(init: WorkerInit): void {
    const secretTexts = new SecretTexts()
    const log = createLog({
      level: init.logLevel,
      base: { worker: init.place, pid: this.#self.pid },
      destination: hiding(secretTexts, openLogDestination()),
    })
    const accessLog = openAccessLog(init.accessLog, (text) => log.error(text))
    const gateway = this.#createGateway(init, log, accessLog, secretTexts)
    gateway.catch((error: unknown) => this.#giveUp((error as Error).message))
    this.#running = { init, log, accessLog, gateway }
    this.#silence = setInterval(() => {
      log.warn({ silenceMs: init.silenceMs }, 'the primary is silent; the worker goes on')
      // Said once: what comes next is its return or its end.
      clearInterval(this.#silence!)
    }, init.silenceMs)
    this.#silence.unref()
  }

  async #createGateway(
    init: WorkerInit,
    log: Logger,
    accessLog: AccessLog | null,
    secretTexts: SecretTexts,
  ): Promise<RunningGateway> {
    const plugins = await toPluginCode(this.#parts, init.plugins)
    const tiers = new Set(plugins.map((plugin) => plugin.tier))
    const counters: Counters = this.#counters
    const { nodeId } = init
    const hostFactories = await this.#parts.hostFactories(tiers, {
      nodeId,
      log,
      counters,
      sandbox: init.sandbox,
      limits: init.gateway.limits ?? {},
      trustedIps: init.gateway.trustedIps ?? [],
      onPoisoned: ({ plugin, reason }) => {
        this.#send({ kind: 'poisoned', plugin, reason })
        this.leave(`the plugin "${plugin}" has hurt this worker: ${reason}`)
      },
    })
    return await this.#parts.createGateway({
      ...init.gateway,
      nodeId,
      plugins,
      hostFactories,
      log,
      accessLog,
      effects: { secretTexts },
    })
  }

  async #load(snapshot: Snapshot): Promise<void> {
    const { version } = snapshot
    try {
      const gateway = await this.#running!.gateway
      await gateway.load(snapshot)
      this.#send({ kind: 'loaded', version })
    } catch (error) {
      this.#send({ kind: 'refused', version, reason: (error as Error).message })
      return
    }
    if (!this.#listening) await this.#listen()
  }

  async #report(number: number): Promise<void> {
    // Without a gateway there is nothing to tell, and who asked does not wait for long.
    const gateway = await this.#running?.gateway.catch(() => null)
    if (gateway) this.#send({ kind: 'reported', number, status: gateway.status() })
  }

  async #listen(): Promise<void> {
    this.#listening = true
    const { init, gateway } = this.#running!
    try {
      for (const fd of init.listenFds) {
        const { address } = await (await gateway).listen({ fd })
        this.#send({ kind: 'listening', hostname: address.hostname, port: address.port })
      }
    } catch (error) {
      this.#giveUp(`cannot listen: ${(error as Error).message}`)
    }
  }

  #giveUp(reason: string): void {
    this.#send({ kind: 'unable', reason }, () => this.#self.exit(1))
  }

  async #drain(deadlineMs: number, exitCode: number): Promise<void> {
    if (this.#leaving) return
    this.#leaving = true
    const { gateway, accessLog, log } = this.#running ?? {}
    // With its primary gone there is nobody else to end a worker that cannot drain. This keeps it alive:
    // who waits here for what never comes must still get to the exit.
    setTimeout(() => this.#self.exit(exitCode), deadlineMs + GRACE_MS)
    try {
      const running = await gateway
      await running?.drain(deadlineMs)
      await running?.close()
    } catch (error) {
      log?.error({ err: error }, 'the worker could not drain')
    }
    await accessLog?.flush()
    this.#self.exit(exitCode)
  }

  #send(message: MessageToPrimary, sent: () => void = () => {}): void {
    // Errors are no news: the channel closes, and that is handled where it is told.
    if (this.#self.connected) this.#self.send!(message, undefined, undefined, () => sent())
    else sent()
  }
}

/** Whatever is logged, by whomever: no secret that this worker has read is in it. */
function hiding({ hide }: SecretTexts, destination: DestinationStream): DestinationStream {
  return { write: (line) => destination.write(hide(line)) }
}
