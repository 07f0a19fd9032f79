import { HostFailure, type HostFailureKind } from '@sallyport/sdk'
import type { Message } from '@sallyport/sdk/protocol'
import type {
  HostCall,
  HostState,
  HostStats,
  InstanceSpec,
  PluginCode,
  PluginHost,
} from '../../kernel/plugin-host.ts'
import { runEffect } from '../effects.ts'
import { logLines, type SandboxHostOptions } from '../host-options.ts'
import type { SandboxLimits } from '../limits.ts'
import { ActiveCall } from './active-call.ts'
import type { Gate } from './layer-gate.ts'
import type { SparePool } from './spare-pool.ts'
import { Supervisor } from './supervisor.ts'

export interface ProcessHostOptions extends SandboxHostOptions {
  readonly name: string
  /** Null for a plugin that no tenant owns. */
  readonly tenant: string | null
  readonly plugins: readonly PluginCode[]
  readonly pool: SparePool
  readonly gate: Gate
  readonly sandboxLimits: SandboxLimits
}

/**
 * The `process` tier: the plugins of one tenant, or one plugin, in a child that is replaced when it
 * misbehaves. Owns the calls; the supervisor owns the child.
 */
export class ProcessHost implements PluginHost {
  readonly tier = 'process'
  readonly name: string
  readonly #options: ProcessHostOptions
  readonly #limits: SandboxLimits
  readonly #supervisor: Supervisor
  /** Every call that is not over, in the order in which they came. */
  readonly #calls = new Set<ActiveCall>()
  #callCount = 0
  #errorCount = 0
  #timeoutCount = 0
  /** Calls that wait for the tenant's CPU budget. */
  #held = 0
  #throttledCount = 0

  constructor(options: ProcessHostOptions) {
    this.name = options.name
    this.#options = options
    this.#limits = options.sandboxLimits
    this.#supervisor = new Supervisor({
      ...options,
      events: {
        ready: () => this.#submitAll(),
        down: (reason, isReplayed) => this.#onDown(reason, isReplayed),
        closed: (reason) => this.#failAll('unavailable', reason),
        tick: () => this.#onTick(),
        hasCalls: () => this.#calls.size > 0,
      },
    })
  }

  get state(): HostState {
    return this.#supervisor.state
  }

  configure(instances: readonly InstanceSpec[]): Promise<void> {
    return this.#supervisor.configure(instances)
  }

  call(call: HostCall): Promise<void> {
    this.#callCount++
    const refusal = this.#supervisor.refusal()
    if (refusal !== null) return this.#refuse(refusal)
    if (this.#calls.size >= this.#limits.queuedCallsMax) {
      return this.#refuse(`${this.#calls.size} calls are under way already`)
    }
    const active = new ActiveCall({
      call,
      nowMs: performance.now(),
      limits: this.#limits,
      onOver: (over, failure) => this.#onOver(over, failure),
    })
    this.#calls.add(active)
    this.#supervisor.wake()
    if (this.#supervisor.state === 'ready') this.#submitNext(active)
    return active.promise
  }

  stats(): HostStats {
    const { kills, starts, condition, watch } = this.#supervisor
    return {
      calls: this.#callCount,
      errors: this.#errorCount,
      timeouts: this.#timeoutCount,
      kills,
      starts,
      queued: this.#calls.size,
      rssBytes: watch.rssBytes,
      cpuMs: watch.cpuMs,
      throttled: this.#throttledCount,
      sandbox: condition,
    }
  }

  close(): Promise<void> {
    return this.#supervisor.close()
  }

  #refuse(reason: string): Promise<void> {
    this.#errorCount++
    return Promise.reject(new HostFailure('unavailable', `${this.name}: ${reason}`))
  }

  #submitAll(): void {
    this.#held = 0
    for (const active of this.#calls) if (active.piece === null) this.#submitNext(active)
  }

  /** Calls that came before and wait for the budget are first. */
  #submitNext(active: ActiveCall): void {
    if (this.#held === 0 && this.#supervisor.watch.mayBegin()) {
      this.#submit(active)
      return
    }
    this.#held++
    if (active.isThrottled || !this.#supervisor.watch.isScarce) return
    active.isThrottled = true
    this.#throttledCount++
  }

  /** There may be some budget again, or one call less before the child. */
  #release(): void {
    if (this.#held > 0 && this.#supervisor.state === 'ready') this.#submitAll()
  }

  #onTick(): void {
    this.#expire()
    this.#release()
  }

  #submit(active: ActiveCall): void {
    const process = this.#supervisor.process!
    active.submit(process, {
      onEnd: (message) => {
        if (message.name === 'result') active.onResult(message)
        else this.#onFailed(active, message)
      },
      onEffect: (message) => this.#onEffect(active, message),
    })
  }

  #onFailed(active: ActiveCall, message: Message<'failed'>): void {
    const { call } = active
    this.#log(message)
    const text = `${this.name}: ${call.phase}: ${message.message}`
    if (message.kind === 'timeout' || message.kind === 'memory') {
      const piece = active.piece!
      active.fail(message.kind === 'timeout' ? 'timeout' : 'killed', text, message.decided)
      this.#supervisor.recycle(piece, message.message)
    } else active.fail('error', text, message.decided)
  }

  #log(message: Message<'failed'>): void {
    try {
      const lines = JSON.parse(message.log as string) as unknown
      logLines(lines, this.name, { log: this.#options.log, limits: this.#limits })
    } catch {
      // The lines of a sandbox that cannot even write them are no loss.
    }
  }

  #onEffect(active: ActiveCall, message: Message<'effect'>): void {
    const process = this.#supervisor.process!
    try {
      const answer = runEffect({
        call: active.call,
        member: message.member,
        argsJson: message.args as string,
        leftMs: active.deadlineMs - performance.now(),
        limits: this.#limits,
      })
      void answer.then(({ ok, value }) => process.answerEffect(message.id, ok, value))
    } catch (error) {
      process.kill(`it asked for what it cannot have: ${(error as Error).message}`)
    }
  }

  /** What the child had not begun is given to the next one; the others end with it. */
  #onDown(reason: string, isReplayed: (active: ActiveCall) => boolean): void {
    for (const active of this.#calls) {
      if (active.piece === null) continue
      if (isReplayed(active)) active.takeBack()
      else active.fail('killed', `${this.name}: the sandbox was killed: ${reason}`)
    }
  }

  #expire(): void {
    const nowMs = performance.now()
    for (const active of this.#calls) {
      if (nowMs < active.deadlineMs) continue
      const { phase, timeoutMs } = active.call
      if (active.isThrottled && active.piece === null) {
        active.fail('throttled', `${this.name}: ${phase}: ${this.#toBudgetText()}`)
        continue
      }
      active.fail('timeout', `${this.name}: ${phase}: no result within ${timeoutMs} ms`)
    }
  }

  #toBudgetText(): string {
    const { tenantCpuMs, tenantCpuFillMs } = this.#limits
    return `the tenant has used up its CPU budget of ${tenantCpuMs} ms in ${tenantCpuFillMs} ms`
  }

  #failAll(kind: HostFailureKind, reason: string): void {
    for (const active of this.#calls) active.fail(kind, `${this.name}: ${reason}`)
  }

  #onOver(active: ActiveCall, failure: HostFailureKind | null): void {
    this.#calls.delete(active)
    // In a turn of its own: many may end at once.
    if (this.#held > 0) setImmediate(() => this.#release())
    if (failure === null) return
    if (failure === 'timeout') this.#timeoutCount++
    else this.#errorCount++
  }
}
