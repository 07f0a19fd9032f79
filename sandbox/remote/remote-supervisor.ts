import type { HostState, InstanceSpec, PluginCode } from '../../kernel/plugin-host.ts'
import { logLines, type SandboxHostOptions } from '../host-options.ts'
import type { SandboxLimits } from '../limits.ts'
import type { HostSupervisor } from '../process/wire-host.ts'
import { type KillClock, TICK_MS } from '../process/kill-clock.ts'
import { type LoadedSandbox, WorkFailed } from '../process/loaded-sandbox.ts'
import { Piece } from '../process/piece.ts'
import { Quarantine } from '../process/quarantine.ts'
import type { Remains, SandboxProcess } from '../process/sandbox-process.ts'
import type { SupervisorEvents } from '../process/supervisor.ts'
import { BackOff } from './back-off.ts'
import { toSocketPath } from './connect.ts'
import type { RemoteLimits } from './remote-limits.ts'
import { UsageQuestions } from './told-usage.ts'
import {
  checkUnchanged,
  createSilenceClock,
  loadRemote,
  openRemote,
  type RemoteProgramOptions,
} from './remote-program.ts'

export interface RemoteSupervisorOptions extends SandboxHostOptions {
  readonly name: string
  readonly code: PluginCode
  readonly sandboxLimits: SandboxLimits
  readonly remote: RemoteLimits
  readonly events: SupervisorEvents
}

const CLOSE_MS = 200
/** Its CPU and its memory are somebody else's: they cannot be seen, and no budget is kept of them. */
const UNSEEN = {
  mayBegin: () => true,
  begun: () => undefined,
  ...{ isScarce: false, isPaced: false, isWary: false },
}

/**
 * Keeps a connection to one remote program. It cannot start or end the program: it hangs up when the
 * program breaks the protocol or is silent, connects again with growing pauses, and refuses calls while
 * it cannot (the breaker) or while the program fails its calls too often (the quarantine).
 */
export class RemoteSupervisor implements HostSupervisor {
  readonly #options: RemoteSupervisorOptions
  readonly #program: RemoteProgramOptions
  readonly #clock: KillClock
  readonly #quarantine: Quarantine
  readonly #usage: UsageQuestions
  #state: HostState = 'starting'
  #reason = ''
  #loaded: LoadedSandbox | null = null
  #connectedAtMs = 0
  readonly #backOff: BackOff
  #instances: readonly InstanceSpec[] = []
  #configuring: Promise<unknown> = Promise.resolve()
  /** Null while there is a connection, or nothing to connect for. */
  #recovery: Promise<void> | null = null
  #isBooting = false
  #timer: NodeJS.Timeout | null = null
  kills = 0
  starts = 0
  readonly watch = UNSEEN
  readonly condition = null

  constructor(options: RemoteSupervisorOptions) {
    const { code, name, counters, sandboxLimits, nowMs = () => performance.now() } = options
    this.#options = options
    this.#program = { ...options, path: toSocketPath(code.origin), limits: sandboxLimits }
    this.#clock = createSilenceClock(sandboxLimits, options.remote)
    this.#usage = new UsageQuestions({
      pluginName: code.manifest.name,
      limits: sandboxLimits,
      remote: options.remote,
      current: () => (this.#state === 'ready' && !this.#isBooting ? this.process : null),
    })
    this.#backOff = new BackOff(options.remote)
    this.#quarantine = new Quarantine(name, { counters, limits: sandboxLimits, nowMs })
  }

  get state(): HostState {
    return this.#state
  }

  get process(): SandboxProcess | null {
    return this.#loaded?.process ?? null
  }

  /** What it tells, and nothing that would look as if it had been seen. */
  usage() {
    return { told: this.#usage.told }
  }

  refusal(): string | null {
    switch (this.#state) {
      case 'starting':
      case 'ready':
      case 'recovering':
        return null
      case 'quarantined':
        return `its program cannot be used for now: ${this.#reason}`
      case 'draining':
      case 'closed':
      case 'failed':
        return 'it is closed'
    }
  }

  /**
   * A program that is away keeps nobody from a new configuration: it gets it when it is back. One that
   * refuses its configuration does.
   */
  configure(instances: readonly InstanceSpec[]): Promise<void> {
    const result = this.#configuring.then(() => this.#configure(instances))
    this.#configuring = result.catch(() => undefined)
    return result
  }

  async #configure(instances: readonly InstanceSpec[]): Promise<void> {
    const { name } = this.#options
    if (this.#isClosing()) throw new Error(`${name}: it is closed`)
    const before = this.#instances
    this.#instances = instances
    if (this.#recovery !== null) return
    try {
      await this.#boot()
    } catch (error) {
      if (error instanceof WorkFailed) {
        this.#instances = before
        throw new Error(`${name}: ${error.message}`, { cause: error })
      }
      // A connection that is lost meanwhile is made anew already.
      if (this.#isRecovering()) return
      this.#onBootFailed(error as Error)
      this.#recover()
    }
  }

  /** Its calls end by their deadlines; there is no isolate that would be unusable after one. */
  recycle(): void {}

  wake(): void {
    this.#timer ??= setInterval(() => this.#tick(), TICK_MS)
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    const wasReady = this.#state === 'ready'
    this.#state = 'draining'
    this.#usage.end()
    this.#options.events.closed('it is closed')
    this.#backOff.endPause()
    const loaded = this.#loaded
    if (loaded !== null && wasReady && !loaded.process.isDown) {
      const limit = new Promise((resolve) => setTimeout(resolve, CLOSE_MS))
      const end = loaded.close()
      await Promise.race([end.catch(() => undefined), limit])
    }
    this.#state = 'closed'
    await this.process?.end('its host is closed')
    await this.#configuring
    await this.#recovery
    // A connection that was being made meanwhile.
    await this.process?.end('its host is closed')
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  /** Connects when there is no connection, and makes the instances callable. */
  async #boot(): Promise<void> {
    this.#isBooting = true
    this.wake()
    try {
      await this.#configureAll(await this.#ensureLoaded())
    } finally {
      this.#isBooting = false
    }
  }

  async #configureAll(loaded: LoadedSandbox): Promise<void> {
    let configured: readonly InstanceSpec[]
    do {
      configured = this.#instances
      this.#log(await loaded.configure(configured))
    } while (configured !== this.#instances)
    if (loaded.process.isDown) throw new Error('the connection was lost while it was configured')
    if (this.#isClosing()) return
    this.#state = 'ready'
    this.#options.events.ready()
    this.#usage.begin()
  }

  async #ensureLoaded(): Promise<LoadedSandbox> {
    if (this.#loaded !== null && !this.#loaded.process.isDown) return this.#loaded
    const loaded = await openRemote(this.#program)
    if (this.#isClosing()) {
      await loaded.process.end('its host is closed')
      throw new Error('it is closed')
    }
    this.#loaded = loaded
    this.#clock.forget()
    this.#connectedAtMs = performance.now()
    this.starts++
    loaded.process.adopt((remains) => this.#onDown(loaded, remains))
    const expected = this.#options.code.manifest
    const { manifest, log } = await loadRemote(loaded, expected.name, this.#program)
    checkUnchanged(expected, manifest)
    this.#log(log)
    return loaded
  }

  #onDown(loaded: LoadedSandbox, { reason, head, queued, waiting }: Remains): void {
    const fresh = new Set(queued)
    this.#options.events.down(reason, ({ piece }) => piece !== null && fresh.has(piece))
    loaded.onDown(reason)
    if (this.#isClosing()) return
    if (this.#usage.onDown()) this.#say('notice', 'it is not asked for stats any more')
    this.kills++
    const { stableMs } = this.#options.remote
    if (performance.now() - this.#connectedAtMs >= stableMs) this.#backOff.failures = 0
    else if (this.#state === 'ready') this.#backOff.failures++
    // Whoever is connecting learns from its own promise.
    if (this.#state !== 'ready') return
    this.#say('err', `the connection to its program is lost: ${reason}`)
    this.#reason = reason
    this.#state = 'recovering'
    if (this.#backOff.failures >= this.#options.remote.failuresMax) this.#refuseCalls(reason)
    // A program that is started anew between two calls has done nothing wrong.
    const isCall = head !== null && head.kind !== 'stats'
    this.#recover(isCall || waiting.length > 0)
  }

  /** Connects again, as often as it takes. */
  #recover(isStrike = false): void {
    this.#recovery ??= this.#reconnect(isStrike).finally(() => (this.#recovery = null))
  }

  async #reconnect(isStrike: boolean): Promise<void> {
    if (isStrike && (await this.#quarantine.strike())) {
      this.#refuseCalls(`in quarantine: ${this.#reason}`)
      while (this.#quarantine.isOn() && !this.#isClosing()) {
        await this.#backOff.pause(this.#quarantine.leftMs)
      }
    }
    while (!this.#isClosing()) {
      if (this.#backOff.failures > 0) await this.#backOff.pause()
      if (this.#isClosing()) return
      try {
        await this.#boot()
        if (this.#backOff.failures > 0) this.#say('notice', 'its program is connected again')
        // What comes next is judged by how long this connection lasts.
        return
      } catch (error) {
        this.process?.kill((error as Error).message)
        this.#onBootFailed(error as Error)
      }
    }
  }

  #onBootFailed(error: Error): void {
    if (error instanceof WorkFailed) this.#log(error.log)
    this.process?.kill(error.message)
    this.#backOff.failures++
    this.#reason = error.message
    if (this.#isClosing()) return
    if (this.#backOff.failures === 1) this.#say('warn', error.message)
    if (this.#backOff.failures < this.#options.remote.failuresMax) {
      if (this.#state === 'ready') this.#state = 'recovering'
      return
    }
    if (this.#state !== 'quarantined') this.#say('err', `its calls are refused: ${error.message}`)
    this.#refuseCalls(error.message)
  }

  #refuseCalls(reason: string): void {
    if (this.#isClosing()) return
    this.#reason = reason
    this.#state = 'quarantined'
    this.#options.events.closed(reason)
  }

  #tick(): void {
    const { process } = this
    this.#options.events.tick()
    if (process !== null && !process.isDown) {
      const nowMs = performance.now()
      const reason =
        this.#usage.overdue(process, nowMs) ??
        (this.#isIdle(process) ? null : this.#clock.tick(process, null, nowMs))
      if (reason !== null) process.kill(reason)
      else if (process.isBusy && process.head === null) this.#ping(process, nowMs)
      this.#usage.look(nowMs)
    }
    const isBusy = this.#options.events.hasCalls() || (process !== null && !this.#isIdle(process))
    if (isBusy || this.#isBooting) return
    if (this.#state !== 'ready' && this.#state !== 'quarantined') return
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  /** Nobody waits for anything but what it uses, which may take its time. */
  #isIdle(process: SandboxProcess): boolean {
    return !process.isBusy || (this.#usage.isAlone(process) && !this.#options.events.hasCalls())
  }

  #ping(process: SandboxProcess, nowMs: number): void {
    if (nowMs - process.lastAnswerMs < this.#options.remote.pingAfterMs) return
    process.send(new Piece('ping', null), { name: 'ping' })
  }

  #log(lines: unknown): void {
    const { name, log, sandboxLimits: limits } = this.#options
    logLines(lines, name, { log, limits })
  }

  #say(level: 'notice' | 'warn' | 'err', text: string): void {
    this.#options.log({ level, host: this.#options.name, text })
  }

  #isRecovering(): boolean {
    return this.#recovery !== null
  }

  #isClosing(): boolean {
    return this.#state === 'closed' || this.#state === 'draining'
  }
}
