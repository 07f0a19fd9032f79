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

  /** A child that is ready. Rejects when none can be started. */
  async take(): Promise<SandboxProcess> {
    this.#launch ??= await this.#prepare()
    const spare = this.#spare
    this.#spare = null
    if (spare !== null && !spare.isDown) {
      raise(spare)
      try {
        await spare.ready
        this.#refill()
        return spare
      } catch {
        // It died while nobody used it: a fresh one tells whether that is a rule.
      }
    }
    const child = this.#start(this.#launch)
    await child.ready
    this.#refill()
    return child
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
