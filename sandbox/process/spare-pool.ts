import type { SpareState } from '../../kernel/plugin-host.ts'
import { type SandboxLimits, toProcessLimits } from '../limits.ts'
import { lower, raise } from './child-priority.ts'
import { type Launch, prepareLaunch } from './launch.ts'
import { SandboxProcess } from './sandbox-process.ts'

export interface PoolOptions {
  readonly isJit?: boolean
  /** Instead of children with the layers of this machine; for tests. */
  readonly prepare?: () => Promise<Launch>
}

/**
 * Somebody's requests wait for it after all: on a machine that is full it would not be ready before their
 * deadline. About what a start takes of CPU.
 */
const PATIENCE_MS = 250

/**
 * Keeps one child ready that belongs to nobody yet, so that a killed one is replaced in milliseconds.
 * Lives as long as somebody uses it.
 */
export class SparePool {
  readonly limits: SandboxLimits
  /** Whether its children run with V8's compilers. */
  readonly isJit: boolean
  readonly #prepare: () => Promise<Launch>
  #launch: Launch | null = null
  #spare: SandboxProcess | null = null
  #isSpareReady = false
  #users = 0

  constructor(limits: SandboxLimits, options: PoolOptions = {}) {
    const { isJit = false } = options
    this.isJit = isJit
    this.limits = toProcessLimits(limits, isJit)
    this.#prepare = options.prepare ?? (() => prepareLaunch({ isJit }))
  }

  get state(): SpareState {
    if (this.#users === 0) return 'unused'
    if (this.#spare === null || this.#spare.isDown) return 'absent'
    return this.#isSpareReady ? 'ready' : 'starting'
  }

  join(): void {
    this.#users++
  }

  /** Resolves when nothing of the pool is left behind, if this was the last user. */
  async leave(): Promise<void> {
    this.#users--
    if (this.#users > 0 || this.#spare === null) return
    const spare = this.#spare
    this.#spare = null
    await spare.end('it is not needed any more')
  }

  /** A child that is ready, started at low priority unless somebody is in a hurry. Rejects when none can be. */
  async take(isHurried = true): Promise<SandboxProcess> {
    this.#launch ??= await this.#prepare()
    const spare = this.#spare
    this.#spare = null
    if (spare !== null && !spare.isDown) {
      try {
        await this.#becomeReady(spare, isHurried)
        return spare
      } catch {
        // It died while nobody used it: a fresh one tells whether that is a rule.
      }
    }
    const child = this.#start(this.#launch)
    await this.#becomeReady(child, isHurried)
    return child
  }

  async #becomeReady(child: SandboxProcess, isHurried: boolean): Promise<void> {
    if (isHurried) raise(child)
    else lower(child)
    const late = setTimeout(() => raise(child), isHurried ? 0 : PATIENCE_MS)
    try {
      await child.ready
    } finally {
      clearTimeout(late)
    }
    this.#refill()
  }

  #refill(): void {
    // Not at once: who took the last one has a request that waits.
    setImmediate(() => {
      if (this.#users === 0 || this.#spare !== null || this.#launch === null) return
      const spare = this.#start(this.#launch)
      lower(spare)
      this.#spare = spare
      this.#isSpareReady = false
      spare.ready.then(
        () => {
          if (this.#spare === spare) this.#isSpareReady = true
        },
        // It is down then, which is seen.
        () => undefined,
      )
    })
  }

  #start(launch: Launch): SandboxProcess {
    const child: SandboxProcess = new SandboxProcess({
      child: launch(this.limits),
      startMs: this.limits.startMs,
      stderrBytesMax: this.limits.stderrBytesMax,
      takesTogether: true,
      onDown: () => {
        if (this.#spare === child) this.#spare = null
      },
    })
    return child
  }
}
