import type {
  HostState,
  InstanceSpec,
  PluginCode,
  SandboxCondition,
} from '../../kernel/plugin-host.ts'
import { type GuestLibrary, makeGuestLibrary } from '../guest-library.ts'
import { logLines, type SandboxHostOptions, toGuestOptions } from '../host-options.ts'
import type { SandboxLimits } from '../limits.ts'
import type { ActiveCall } from './active-call.ts'
import { ChildPriority } from './child-priority.ts'
import { ChildWatch } from './child-watch.ts'
import { TICK_MS } from './kill-clock.ts'
import { type Gate, takeContained } from './layer-gate.ts'
import { LoadedSandbox, WorkFailed } from './loaded-sandbox.ts'
import type { Piece } from './piece.ts'
import { Quarantine } from './quarantine.ts'
import type { Remains, SandboxProcess } from './sandbox-process.ts'
import type { SparePool } from './spare-pool.ts'

export interface SupervisorEvents {
  /** Calls can be submitted. */
  ready(): void
  /** The child is gone; `isReplayed` tells of a call that the next child may do. */
  down(reason: string, isReplayed: (active: ActiveCall) => boolean): void
  /** No child will come: calls that wait are refused. */
  closed(reason: string): void
  /** Every few milliseconds while anything is under way. */
  tick(): void
  hasCalls(): boolean
}

export interface SupervisorOptions extends SandboxHostOptions {
  readonly name: string
  readonly plugins: readonly PluginCode[]
  readonly tenant: string | null
  readonly pool: SparePool
  readonly gate: Gate
  readonly sandboxLimits: SandboxLimits
  readonly events: SupervisorEvents
}

const CLOSE_MS = 200

/**
 * Keeps one child with the plugins of a host alive: starts it, watches it, kills it by the kill rule,
 * replaces it, and stops doing so when it happens too often.
 */
export class Supervisor {
  readonly #options: SupervisorOptions
  readonly #limits: SandboxLimits
  readonly #quarantine: Quarantine
  readonly watch: ChildWatch
  #state: HostState = 'starting'
  #reason = ''
  #sandbox: LoadedSandbox | null = null
  #instances: readonly InstanceSpec[] = []
  /** Configuring and recovering are done one after the other. */
  #last: Promise<unknown> = Promise.resolve()
  #isBooting = false
  #timer: NodeJS.Timeout | null = null
  readonly #priority = new ChildPriority()
  /** The child was stopped by its deadline without having had the CPU for it. */
  #wasStarved = false
  kills = 0
  starts = 0
  /** What is known of the child in service. */
  condition: SandboxCondition | null = null

  constructor(options: SupervisorOptions) {
    const { name, tenant, counters, sandboxLimits: limits } = options
    const { nowMs = () => performance.now() } = options
    this.#options = options
    this.#limits = limits
    this.#quarantine = new Quarantine(name, { counters, limits, nowMs })
    this.watch = new ChildWatch({ name, tenant, counters, limits, nowMs })
    options.pool.join()
  }

  usage() {
    const { cpuMs, rssBytes } = this.watch
    return { cpuMs, rssBytes }
  }

  get state(): HostState {
    return this.#state
  }

  get process(): SandboxProcess | null {
    return this.#sandbox?.process ?? null
  }

  /** Why no call can be taken now, or null. A call after a quarantine is the trial that ends it. */
  refusal(): string | null {
    switch (this.#state) {
      case 'starting':
      case 'ready':
      case 'recovering':
        return null
      case 'quarantined': {
        if (this.#quarantine.isOn()) {
          return `in quarantine for ${Math.ceil(this.#quarantine.leftMs / 1_000)} s more: ${this.#reason}`
        }
        this.#state = 'recovering'
        void this.#serialise(() => this.#recover(false))
        return null
      }
      case 'draining':
      case 'closed':
        return 'it is closed'
      case 'failed':
        return `it could not be started: ${this.#reason}`
    }
  }

  configure(instances: readonly InstanceSpec[]): Promise<void> {
    return this.#serialise(async () => {
      if (this.#state === 'closed' || this.#state === 'draining') {
        throw new Error(`${this.#options.name}: it is closed`)
      }
      // One tenant's quarantine must not keep the others from their new configuration.
      if (this.#state === 'quarantined' && this.#quarantine.isOn()) {
        this.#instances = instances
        return
      }
      try {
        await this.#boot(instances)
      } catch (error) {
        this.#onBootFailed(error as Error)
        throw new Error(`${this.#options.name}: ${(error as Error).message}`, { cause: error })
      }
    })
  }

  /** A deadline in the guest has passed: the isolate is not to be used again, nor is its process. */
  recycle(piece: Piece, reason: string): void {
    this.#wasStarved = this.watch.wasStarved(piece)
    this.process?.kill(reason, true)
  }

  /** Watches from now on until nothing is under way. */
  wake(): void {
    if (this.#timer !== null) return
    this.watch.wake()
    this.#timer = setInterval(() => this.#tick(), TICK_MS)
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    const wasReady = this.#state === 'ready'
    this.#state = 'draining'
    this.#options.events.closed('it is closed')
    const sandbox = this.#sandbox
    if (sandbox !== null && wasReady && !sandbox.process.isDown) {
      const limit = new Promise((resolve) => setTimeout(resolve, CLOSE_MS))
      const end = sandbox.close()
      await Promise.race([end.catch(() => undefined), limit])
    }
    this.#state = 'closed'
    await this.#sandbox?.process.end('its host is closed')
    // A child that was being started is ended by whoever waits for it.
    await this.#last
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    await this.#options.pool.leave()
  }

  #serialise<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => undefined)
    return result
  }

  /** Makes these instances callable, in the child that runs or in a new one. */
  async #boot(instances: readonly InstanceSpec[]): Promise<void> {
    this.#isBooting = true
    try {
      const library = await makeGuestLibrary()
      const sandbox = await this.#ensureSandbox()
      this.wake()
      for (const name of new Set(instances.map(({ pluginName }) => pluginName))) {
        if (!sandbox.has(name)) await this.#load(sandbox, name, library)
      }
      const lines = await sandbox.configure(instances)
      this.#log(lines)
      if (sandbox.process.isDown) throw new Error('the sandbox ended while it was configured')
      this.#instances = instances
      // Closing may have begun meanwhile; the child is ended by it.
      if (this.#isClosing()) return
      this.#state = 'ready'
      this.#options.events.ready()
    } finally {
      this.#isBooting = false
    }
  }

  async #ensureSandbox(): Promise<LoadedSandbox> {
    if (this.#sandbox !== null && !this.#sandbox.process.isDown) return this.#sandbox
    this.condition = null
    const { process, condition } = await takeContained({
      ...this.#options,
      isHurried: !this.watch.isSuspect,
    })
    this.condition = condition
    if (this.#isClosing()) {
      await process.end('its host is closed')
      throw new Error('it is closed')
    }
    this.starts++
    const sandbox = new LoadedSandbox(process, this.#limits)
    this.#sandbox = sandbox
    this.watch.begin(process)
    this.#priority.begin(process, this.watch.isSuspect)
    process.adopt((remains) => this.#onDown(sandbox, remains))
    return sandbox
  }

  async #load(sandbox: LoadedSandbox, name: string, library: GuestLibrary): Promise<void> {
    const code = this.#options.plugins.find(({ manifest }) => manifest.name === name)
    if (code === undefined || code.source === null) {
      throw new Error(`plugin "${name}" has no source that a sandbox could run`)
    }
    try {
      const guestOptions = toGuestOptions(this.#limits, this.#options)
      const loaded = await sandbox.load({ name, source: code.source }, library, guestOptions)
      this.#log(loaded.log)
    } catch (error) {
      throw new Error(`plugin "${name}": ${(error as Error).message}`, { cause: error })
    }
  }

  #onBootFailed(error: Error): void {
    const cause = error.cause ?? error
    if (cause instanceof WorkFailed) this.#log(cause.log)
    if (cause instanceof WorkFailed && cause.isFatal) this.process?.kill(cause.message)
    if (this.#state === 'ready' || this.#isClosing()) return
    if (this.#instances.length > 0 && this.#state === 'recovering') return
    this.#state = 'failed'
    this.#reason = error.message
    this.#options.events.closed(error.message)
  }

  #onDown(sandbox: LoadedSandbox, { reason, queued, isUnsure }: Remains): void {
    const fresh = new Set(queued)
    this.#options.events.down(reason, ({ piece }) => piece !== null && fresh.has(piece))
    sandbox.onDown(reason)
    if (this.#isClosing()) return
    this.kills++
    // Who had no CPU has done nothing: its successor must not have even less.
    if (!this.#wasStarved) this.watch.suspect()
    const { stderr } = sandbox.process
    this.#options.log({
      level: 'err',
      host: this.#options.name,
      text: `the sandbox was killed: ${reason}${stderr === '' ? '' : `; it said: ${stderr}`}`,
    })
    this.#reason = reason
    // Whoever is starting it learns from its own promise.
    if (this.#isBooting && this.#state !== 'ready') return
    this.#state = 'recovering'
    // It is counted when it is done again and known. There it cannot be unsure a second time.
    const isStrike = !this.#wasStarved && !isUnsure
    this.#wasStarved = false
    void this.#serialise(() => this.#recover(isStrike))
  }

  /** Replaces the child, as often as it takes or as the quarantine allows. */
  async #recover(isStrike: boolean): Promise<void> {
    let strikes = isStrike
    while (this.#state === 'recovering') {
      if (strikes && (await this.#quarantine.strike())) {
        this.#state = 'quarantined'
        this.#options.events.closed(`in quarantine: ${this.#reason}`)
        return
      }
      try {
        await this.#boot(this.#instances)
      } catch (error) {
        this.#reason = (error as Error).message
        this.process?.kill(this.#reason)
      }
      strikes = true
    }
  }

  #tick(): void {
    const { process } = this
    const reason = this.watch.tick(this.#options.events.hasCalls())
    if (reason !== null) process?.kill(reason)
    else if (process !== null && !process.isDown) this.#priority.look(process, this.watch.isLow)
    this.#options.events.tick()
    const isBusy = this.#options.events.hasCalls() || (process?.isBusy ?? false)
    if (isBusy || this.#isBooting || this.#timer === null) return
    clearInterval(this.#timer)
    this.#timer = null
  }

  #log(lines: unknown): void {
    logLines(lines, this.#options.name, { log: this.#options.log, limits: this.#limits })
  }

  #isClosing(): boolean {
    return this.#state === 'closed' || this.#state === 'draining'
  }
}
