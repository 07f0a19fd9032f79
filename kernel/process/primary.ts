import { randomUUID } from 'node:crypto'
import { closeSync, openSync } from 'node:fs'
import type { Logger } from 'pino'
import type { AccessLogSetting } from '../telemetry/access-log.ts'
import type { LineDestination, LogLevel } from '../telemetry/log.ts'
import type { GatewaySettings } from '../gateway.ts'
import type { SandboxSettings } from '../plugin-host.ts'
import { LineForwarder } from './line-forwarder.ts'
import {
  type Address,
  type ListeningSocket,
  bindListeningSocket,
  formatAddress,
} from './listening-socket.ts'
import type { PluginListing } from './plugin-listing.ts'
import { type Configuration, Reloader, type ReloadOutcome } from './reloader.ts'
import { type SupervisionTimings, SUPERVISION_TIMINGS, Supervisor } from './supervisor.ts'
import { type StatusListener, startStatusListener } from './status-listener.ts'
import type { WorkerProgram, WorkerState } from './worker-process.ts'

export interface PrimaryOptions {
  readonly workers: number
  readonly proxyListen: Address
  readonly statusListen: Address | 'off'
  readonly accessLog: AccessLogSetting
  readonly logLevel: LogLevel
  readonly gateway: GatewaySettings
  readonly sandbox: SandboxSettings
  readonly drainMs: number
  readonly plugins: readonly PluginListing[]
  readonly program: WorkerProgram
  /** Rejects with `ConfigurationRefused`. */
  readonly readConfiguration: () => Promise<Configuration>
  /** Calls back when the configuration should be read again, until it is closed. */
  readonly watchConfiguration: ((onChange: () => void) => { close(): void }) | null
  readonly log: Logger
  /** Where the output of the workers goes. */
  readonly stdout: LineDestination
  readonly stderr: LineDestination
  readonly timings?: Partial<SupervisionTimings>
}

export interface RunningPrimary {
  readonly proxyAddress: Address
  /** Null when it was switched off. */
  readonly statusAddress: Address | null
  readonly workers: readonly {
    readonly place: number
    readonly pid: number
    readonly state: WorkerState
    /** Of the snapshot in force there. */
    readonly version: number
  }[]
  reload(): Promise<ReloadOutcome>
  /** Has workers open their log files anew. */
  reopenLogs(): void
  /** Refuses new connections, lets those in flight finish within the drain time, ends the workers. */
  stop(): Promise<void>
  /** Ends the workers at once, with what they have in flight. */
  kill(): void
}

/**
 * Starts the primary: it owns the listening sockets, the configuration and the workers, and carries
 * no traffic. Resolves when all workers serve. Rejects, with nothing left running, when the
 * configuration is refused (`ConfigurationRefused`) or with an Error of one sentence.
 */
export async function startPrimary(options: PrimaryOptions): Promise<RunningPrimary> {
  let reloader: Reloader | null = null
  let changedMeanwhile = false
  // Watched before it is read, so that no change falls in between.
  const watch = options.watchConfiguration?.(() => {
    changedMeanwhile = true
    void reloader?.reload()
  })
  try {
    const started = await startServing(options)
    reloader = started.reloader
    if (changedMeanwhile) void reloader.reload()
    return toPrimary(options, started, () => watch?.close())
  } catch (error) {
    watch?.close()
    throw error
  }
}

interface Started {
  readonly socket: ListeningSocket
  readonly supervisor: Supervisor
  readonly reloader: Reloader
  readonly status: StatusListener | null
}

async function startServing(options: PrimaryOptions): Promise<Started> {
  const { log, workers } = options
  const { hash, entities, warnings } = await options.readConfiguration()
  for (const warning of warnings) log.warn(warning)
  checkAccessLog(options.accessLog)
  const socket = await bindListeningSocket(options.proxyListen)
  const supervisor = new Supervisor(
    { version: 1, hash, entities },
    toSupervision(options, socket.fd),
  )
  let status: StatusListener | null = null
  try {
    status = await startStatus(options, supervisor)
    await supervisor.start()
  } catch (error) {
    socket.close()
    await Promise.all([status?.close(), supervisor.stop(0)])
    throw error
  }
  const reloader = new Reloader({
    read: options.readConfiguration,
    current: () => supervisor.snapshot,
    publish: (snapshot) => supervisor.publish(snapshot),
    log,
  })
  const addresses = {
    proxy: formatAddress(socket.address),
    ...(status === null ? {} : { status: formatAddress(status.address) }),
  }
  log.info({ ...addresses, workers, version: 1, hash }, 'the gateway is ready')
  return { socket, supervisor, reloader, status }
}

/** There before the workers are: whoever waits for readiness is told that they are not. */
async function startStatus(
  { statusListen, workers }: PrimaryOptions,
  supervisor: Supervisor,
): Promise<StatusListener | null> {
  if (statusListen === 'off') return null
  return startStatusListener({
    listen: statusListen,
    workers,
    isStopping: () => supervisor.isStopping,
    report: () => supervisor.report(),
  })
}

function toPrimary(
  { log, drainMs }: PrimaryOptions,
  { socket, supervisor, reloader, status }: Started,
  unwatch: () => void,
): RunningPrimary {
  let stopping: Promise<void> | null = null
  const stop = async () => {
    log.info({ drainMs }, 'the gateway stops')
    unwatch()
    // Once the workers have closed theirs, too, connections are refused and go elsewhere.
    socket.close()
    await supervisor.stop(drainMs)
    // Last: until then it says that the gateway is not ready any more.
    await status?.close()
    log.info('the gateway has stopped')
  }
  return {
    proxyAddress: socket.address,
    statusAddress: status?.address ?? null,
    get workers() {
      return supervisor.workers
    },
    reload: () => reloader.reload(),
    reopenLogs: () => supervisor.reopenLogs(),
    stop: () => (stopping ??= stop()),
    kill: () => supervisor.kill(),
  }
}

function toSupervision(options: PrimaryOptions, fd: number) {
  const { workers, program, plugins, accessLog, logLevel, gateway, sandbox, drainMs, log } = options
  return {
    workers,
    program,
    init: { nodeId: randomUUID(), plugins, accessLog, logLevel, gateway, sandbox, drainMs },
    fds: [fd],
    stdout: new LineForwarder(options.stdout),
    stderr: new LineForwarder(options.stderr),
    log,
    timings: { ...SUPERVISION_TIMINGS, ...options.timings },
  }
}

/** A file that cannot be opened is better known now than from each worker later. */
function checkAccessLog(setting: AccessLogSetting): void {
  if (typeof setting === 'string') return
  try {
    closeSync(openSync(setting.path, 'a'))
  } catch (error) {
    throw new Error(`access log: cannot open "${setting.path}": ${(error as Error).message}`, {
      cause: error,
    })
  }
}
