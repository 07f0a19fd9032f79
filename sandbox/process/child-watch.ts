import type { CountersPort } from '../host-options.ts'
import type { SandboxLimits } from '../limits.ts'
import { CpuBudget } from './cpu-budget.ts'
import { CpuMeter } from './cpu-meter.ts'
import { KillClock } from './kill-clock.ts'
import type { Piece } from './piece.ts'
import { type ProcessUsage, readProcessUsage } from './process-usage.ts'
import type { SandboxProcess } from './sandbox-process.ts'

export interface WatchOptions {
  readonly name: string
  readonly tenant: string | null
  readonly counters: CountersPort
  readonly limits: SandboxLimits
  readonly nowMs: () => number
}

/** A call that has only what others leave is not to fail for it: a quarter of its deadline in the guest. */
const TRIAL_SHARE = 1 / 4

/** Looks at one child after the other: when to kill it, what it burns, what its tenant has left. */
export class ChildWatch {
  readonly #limits: SandboxLimits
  readonly #clock: KillClock
  readonly #meter = new CpuMeter()
  /** Null for a plugin that no tenant owns. */
  readonly #budget: CpuBudget | null
  #process: SandboxProcess | null = null
  #isLow = false
  readonly #nowMs: () => number
  #suspectUntilMs = Number.NEGATIVE_INFINITY

  constructor(options: WatchOptions) {
    const { name, tenant, limits } = options
    this.#limits = limits
    this.#nowMs = options.nowMs
    this.#clock = new KillClock(limits)
    this.#budget = tenant === null ? null : new CpuBudget(name, options)
  }

  /** Another child is watched from now on. */
  begin(process: SandboxProcess): void {
    this.#process = process
    this.#clock.forget()
    this.#meter.begin(this.#usage())
  }

  /** Ticks come from now on: none came while nothing was under way. */
  wake(): void {
    this.#clock.wake(performance.now())
  }

  /** To be called every `TICK_MS`. The reason to kill the child now, or null. */
  tick(hasCalls: boolean): string | null {
    const process = this.#process
    if (process === null || process.isDown) return null
    const usage = this.#usage()
    this.#charge(usage, hasCalls)
    const nowMs = performance.now()
    const reason = this.#clock.tick(process, usage, nowMs)
    const { head } = process
    const burntMs = head?.kind === 'call' ? (this.#clock.burntMs(head, usage) ?? 0) : 0
    const waitedMs = head === null ? 0 : nowMs - this.#clock.sinceMs
    const trialMs = this.#limits.guestTurnMs * TRIAL_SHARE
    // What is idle begins its next call so.
    const mayBeTried = head === null || head.kind === 'call'
    const isOnTrial = mayBeTried && this.isSuspect && waitedMs < trialMs
    this.#isLow = isOnTrial || burntMs >= this.#limits.handlerCpuMs
    return reason
  }

  /** Whether a piece that ran into its deadline did so without the CPU that it may count on. */
  wasStarved(piece: Piece): boolean {
    const usage = this.#usage()
    this.#charge(usage, false)
    const burntMs = this.#clock.burntMs(piece, usage)
    // Its deadline has passed before a tick has seen it: nobody has looked, so nobody knows.
    if (burntMs === null) return usage !== null && this.#clock.isStalled(performance.now())
    return burntMs < this.#limits.handlerCpuMs
  }

  /**
   * Whether the child should give way to all others, at the last tick: it has burnt more than a handler may
   * count on, or may be about to, as the one before.
   */
  get isLow(): boolean {
    return this.#isLow
  }

  /**
   * A child has died: for some time calls go to its successors one by one, so that each is known, and begin
   * with what others leave of the CPU.
   */
  suspect(): void {
    this.#suspectUntilMs = this.#nowMs() + this.#limits.strikeWindowMs
  }

  /** Whether calls must go one by one, or there is little left of the budget: nothing is sent ahead. */
  get isWary(): boolean {
    return this.isSuspect || this.isScarce
  }

  /** Whether the child may be given one more call: suspicion and the tenant's budget decide. */
  mayBegin(): boolean {
    const pieces = this.#process?.pieces ?? 0
    if (pieces > 0 && this.isSuspect) return false
    return this.#budget?.mayBegin(pieces) ?? true
  }

  /** A call of a request begins. */
  begun(): void {
    this.#budget?.begin()
  }

  /** Whether the tenant has used up its budget, but for what it gets from moment to moment. */
  get isScarce(): boolean {
    return this.#budget?.isScarce ?? false
  }

  /** Whether the tenant has had its share while others need the worker. */
  get isPaced(): boolean {
    return this.#budget?.isPaced ?? false
  }

  /** CPU that all children have burnt so far, in milliseconds. */
  get cpuMs(): number {
    return this.#meter.totalMs
  }

  /** Of the child in service; 0 while there is none. */
  get rssBytes(): number {
    return this.#usage()?.rssBytes ?? 0
  }

  /** Whether a child has died a short time ago. */
  get isSuspect(): boolean {
    return this.#nowMs() < this.#suspectUntilMs
  }

  #usage(): ProcessUsage | null {
    const pid = this.#process?.pid
    return pid === undefined ? null : readProcessUsage(pid)
  }

  #charge(usage: ProcessUsage | null, hasCalls: boolean): void {
    const burntMs = this.#meter.look(usage)
    // While calls wait it is a question, too: other workers burn of the same budget.
    if (burntMs > 0 || hasCalls) this.#budget?.burn(burntMs)
  }
}
