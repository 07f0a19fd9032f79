import { HostFailure, type HostFailureKind } from '@sallyport/sdk'
import type { HostCall } from '../../kernel/plugin-host.ts'
import type { SandboxLimits } from '../limits.ts'
import { parsePayload, RESULT_NESTING } from '../payload.ts'

/** A call in the `isolate` tier. Most end at once; a promise is made only for those that wait. */
export class IsolateCall {
  readonly id: number
  readonly call: HostCall
  readonly #limits: SandboxLimits
  /** It has asked for an effect: it cannot be run again. */
  hasAsked = false
  #isRepeated = false
  /** From when on it waits: to ask for the time takes as long as a tenth of a short turn. */
  #beganMs: number | null = null
  #promise: Promise<void> | null = null
  #resolve: (() => void) | null = null
  #reject: ((error: Error) => void) | null = null
  #timer: NodeJS.Timeout | null = null

  constructor(id: number, call: HostCall, limits: SandboxLimits) {
    this.id = id
    this.call = call
    this.#limits = limits
  }

  get isWaitedFor(): boolean {
    return this.#promise !== null
  }

  get leftMs(): number {
    const waitedMs = this.#beganMs === null ? 0 : performance.now() - this.#beganMs
    return this.call.timeoutMs - waitedMs
  }

  /** Once, while nothing that it did has left its isolate. */
  mayRepeat(): boolean {
    const may = !this.hasAsked && !this.#isRepeated
    this.#isRepeated = true
    return may
  }

  /** The promise of the call's end. */
  hold(): Promise<void> {
    this.#promise ??= new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
    return this.#promise
  }

  /** As `hold`, and its time runs: `onLate` is called when it is over first. */
  wait(onLate: () => void): Promise<void> {
    if (this.#beganMs !== null) return this.hold()
    this.#beganMs = performance.now()
    this.#timer = setTimeout(
      () => {
        onLate()
        const { phase, timeoutMs } = this.call
        this.fail('timeout', `${phase}: no result within ${timeoutMs} ms`)
      },
      Math.max(0, this.leftMs),
    )
    return this.hold()
  }

  /** Throws `HostFailure`. */
  apply(payload: string): void {
    const result = parsePayload(
      payload,
      this.#limits.depthMax + RESULT_NESTING,
      this.#limits.payloadValuesMax,
    )
    if (!this.call.over) this.call.apply(result)
  }

  succeed(payload: string): void {
    try {
      this.apply(payload)
      this.#clear()
      this.#resolve?.()
    } catch (error) {
      this.#clear()
      this.#reject?.(error as Error)
    }
  }

  fail(kind: HostFailureKind, message: string, decided = false): void {
    this.#clear()
    this.#reject?.(new HostFailure(kind, message, decided))
  }

  #clear(): void {
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }
}
