import { HostFailure, type HostFailureKind } from '@sallyport/sdk'
import { type Message, ProtocolError } from '@sallyport/sdk/protocol'
import type {
  HostCall,
  HostState,
  HostStats,
  InstanceSpec,
  PluginHost,
  Tier,
} from '../../kernel/plugin-host.ts'
import { runEffect } from '../effects.ts'
import { logLines, type SandboxHostOptions } from '../host-options.ts'
import { isBroken } from '../isolate/turn-end.ts'
import type { SandboxLimits } from '../limits.ts'
import { parsePayload } from '../payload.ts'
import { ActiveCall } from './active-call.ts'
import { ActiveCalls } from './active-calls.ts'
import type { ChildWatch } from './child-watch.ts'
import { type Follower, Followers } from './follower.ts'
import { HeldCalls } from './held-calls.ts'
import { inTurns } from './in-turns.ts'
import { checkBounds } from './message-bounds.ts'
import type { Piece, PieceEvents } from './piece.ts'
import type { SandboxProcess } from './sandbox-process.ts'
import type { Supervisor, SupervisorEvents } from './supervisor.ts'

/** Effects that bring a body, or a value that was kept. */
const IS_LARGE = /\.get(?:Raw)?Body$|^(?:cache|store)\.get$/
/** These wait for others, several at a time: only to make of each what crosses takes a turn of its own. */
const WAITS = new Set(['http.fetch'])
/** A list of lists of two texts. */
const LINES_NESTING = 2

/** What keeps the other end of the wire there. */
export type HostSupervisor = Pick<
  Supervisor,
  | 'state'
  | 'process'
  | 'kills'
  | 'starts'
  | 'condition'
  | 'refusal'
  | 'configure'
  | 'recycle'
  | 'wake'
  | 'close'
> & {
  /** What it sees of the other end; a remote program burns and keeps what is its own. */
  readonly watch: Pick<ChildWatch, 'mayBegin' | 'begun' | 'isScarce' | 'isPaced' | 'isWary'>
  /** What the other end uses, as far as it can be seen or is told. */
  usage(): Pick<HostStats, 'cpuMs' | 'rssBytes' | 'told'>
}

export interface WireHostOptions extends SandboxHostOptions {
  readonly tier: Tier
  readonly name: string
  readonly sandboxLimits: SandboxLimits
  /** Whether the other end knows `follow`. */
  readonly takesFollowers?: boolean
  readonly supervise: (events: SupervisorEvents) => HostSupervisor
}

/**
 * Plugins at the other end of the wire protocol, which is replaced when it misbehaves. Owns the calls;
 * the supervisor owns the other end.
 */
export class WireHost implements PluginHost {
  readonly tier: Tier
  readonly name: string
  readonly takesFollowers: boolean
  readonly #options: WireHostOptions
  readonly #limits: SandboxLimits
  readonly #supervisor: HostSupervisor
  /** Every call that is not over, in the order in which they came. */
  readonly #calls = new ActiveCalls()
  #callCount = 0
  #errorCount = 0
  #timeoutCount = 0
  /** Calls that the child has been given behind others, and whose turn has not come. */
  readonly #followers: Followers
  /** Calls that wait until one more may begin. */
  readonly #held: HeldCalls

  constructor(options: WireHostOptions) {
    this.tier = options.tier
    this.name = options.name
    this.takesFollowers = options.takesFollowers ?? false
    this.#options = options
    this.#limits = options.sandboxLimits
    this.#supervisor = options.supervise({
      ready: () => this.#submitAll(),
      down: (reason, isReplayed) => this.#onDown(reason, isReplayed),
      closed: (reason) => this.#failAll('unavailable', reason),
      tick: () => this.#onTick(),
      hasCalls: () => this.#calls.size > 0,
    })
    this.#followers = new Followers(this.#limits, (process, piece, end) => {
      checkBounds(end, this.#limits)
      // The child has ended itself, whether anybody waits for this call or not.
      if (end.name === 'failed' && isBroken(end)) this.#recycle(process, piece, end)
    })
    this.#held = new HeldCalls({
      watch: this.#supervisor.watch,
      isReady: () => this.#supervisor.state === 'ready',
      submit: (active) => this.#submit(active),
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
      number: this.#callCount,
      nowMs: performance.now(),
      limits: this.#limits,
      onOver: (over, failure) => this.#onOver(over, failure),
    })
    this.#calls.add(active)
    this.#supervisor.wake()
    const follower = this.#followers.take(call)
    if (follower !== null) this.#claim(active, follower)
    else if (this.#supervisor.state === 'ready') this.#held.submit(active)
    return active.promise
  }

  drop(call: HostCall): void {
    this.#followers.drop(call)
  }

  stats(): HostStats {
    const { kills, starts, condition } = this.#supervisor
    return {
      calls: this.#callCount,
      errors: this.#errorCount,
      timeouts: this.#timeoutCount,
      kills,
      starts,
      queued: this.#calls.size,
      ...this.#supervisor.usage(),
      throttled: this.#held.throttledCount,
      sandbox: condition,
    }
  }

  async close(): Promise<void> {
    await this.#supervisor.close()
    for (const active of this.#calls.inOrder())
      active.fail('unavailable', `${this.name}: it is closed`)
  }

  #refuse(reason: string): Promise<void> {
    this.#errorCount++
    return Promise.reject(new HostFailure('unavailable', `${this.name}: ${reason}`))
  }

  #submitAll(): void {
    this.#held.clear()
    void inTurns(this.#calls.inOrder(), (active) => {
      const isWaiting = active.piece === null && this.#calls.has(active)
      if (isWaiting && this.#supervisor.state === 'ready') this.#held.submit(active)
    })
  }

  #onTick(): void {
    this.#expire()
    this.#held.release()
  }

  #submit(active: ActiveCall): void {
    const process = this.#supervisor.process!
    active.submit(process, this.#eventsOf(active, process, null))
    if (active.isOver) return
    const { followers = [] } = active.call
    const { watch } = this.#supervisor
    watch.begun()
    if (!this.takesFollowers || watch.isWary) return
    for (const call of followers) {
      if (process.isDown || !watch.mayBegin()) return
      this.#followers.send(process, call)
    }
  }

  #eventsOf(active: ActiveCall, process: SandboxProcess, follower: Follower | null): PieceEvents {
    return {
      onEnd: (message) => {
        checkBounds(message, this.#limits)
        if (message.name === 'result') active.onResult(message)
        else if (message.kind === 'skipped') this.#onSkipped(active, follower)
        else this.#onFailed(active, process, message)
      },
      onEffect: (message) => this.#onEffect(active, process, message),
      onAck: () => this.#held.releaseSoon(),
    }
  }

  #claim(active: ActiveCall, follower: Follower): void {
    active.follow(follower.process, follower.piece)
    follower.claim(this.#eventsOf(active, follower.process, follower))
  }

  /** What it was to follow has not left its view to it: it gets one of its own. */
  #onSkipped(active: ActiveCall, follower: Follower | null): void {
    if (follower === null) throw new ProtocolError('a call that follows nothing cannot be skipped')
    active.takeBack()
    if (this.#supervisor.state === 'ready') this.#held.submit(active)
  }

  #recycle(process: SandboxProcess, piece: Piece, { message }: Message<'failed'>): void {
    // It may have been told before this call was claimed, and another child be in service by now.
    if (process === this.#supervisor.process) this.#supervisor.recycle(piece, message)
  }

  #onFailed(active: ActiveCall, process: SandboxProcess, message: Message<'failed'>): void {
    const { call } = active
    this.#log(message)
    const text = `${this.name}: ${call.phase}: ${message.message}`
    if (isBroken(message)) {
      const piece = active.piece!
      active.fail(message.kind === 'timeout' ? 'timeout' : 'killed', text, message.decided)
      this.#recycle(process, piece, message)
    } else active.fail('error', text, message.decided)
  }

  #log(message: Message<'failed'>): void {
    try {
      const lines = parsePayload(message.log as string, LINES_NESTING)
      logLines(lines, this.name, { log: this.#options.log, limits: this.#limits })
    } catch {
      // The lines of a sandbox that cannot even write them are no loss.
    }
  }

  #onEffect(active: ActiveCall, process: SandboxProcess, message: Message<'effect'>): void {
    if (!active.countEffect()) {
      process.kill(`it asked for more than ${this.#limits.effectsTotalMax} effects in one call`)
      return
    }
    const { member } = message
    const run = () =>
      runEffect({
        call: active.call,
        member,
        argsJson: message.args as string,
        leftMs: active.deadlineMs - performance.now(),
        limits: this.#limits,
        ...(WAITS.has(member) ? { cross: (make) => active.runLarge(member, make) } : {}),
      })
    const kill = (error: Error): void =>
      process.kill(`it asked for what it cannot have: ${error.message}`)
    try {
      const answer = IS_LARGE.test(member) ? active.runLarge(member, run) : run()
      void answer.then(({ ok, value }) => process.answerEffect(message.id, ok, value), kill)
    } catch (error) {
      kill(error as Error)
    }
  }

  /** What the child had not begun is given to the next one; the others end with it. */
  #onDown(reason: string, isReplayed: (active: ActiveCall) => boolean): void {
    const begun: ActiveCall[] = []
    for (const active of this.#calls.inOrder()) {
      if (active.piece === null) continue
      if (isReplayed(active)) active.takeBack()
      else begun.push(active)
    }
    void inTurns(begun, (active) =>
      active.fail('killed', `${this.name}: the sandbox was killed: ${reason}`),
    )
  }

  #expire(): void {
    void inTurns(this.#calls.lateAt(performance.now()), (active) => {
      const { phase, timeoutMs } = active.call
      if (active.isThrottled && active.piece === null) {
        active.fail('throttled', `${this.name}: ${phase}: ${this.#toBudgetText()}`)
        return
      }
      active.fail('timeout', `${this.name}: ${phase}: no result within ${timeoutMs} ms`)
    })
  }

  #toBudgetText(): string {
    const { tenantCpuMs, tenantCpuFillMs } = this.#limits
    const share = `of ${tenantCpuMs} ms in ${tenantCpuFillMs} ms`
    return `the tenant has used up its CPU budget ${share}, or its share of that on a busy gateway`
  }

  #failAll(kind: HostFailureKind, reason: string): void {
    void inTurns(this.#calls.inOrder(), (active) => active.fail(kind, `${this.name}: ${reason}`))
  }

  #onOver(active: ActiveCall, failure: HostFailureKind | null): void {
    this.#calls.delete(active)
    this.#held.forget(active)
    this.#held.releaseSoon()
    if (failure === null) return
    if (failure === 'timeout') this.#timeoutCount++
    else this.#errorCount++
  }
}
