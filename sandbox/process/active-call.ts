import { HostFailure, type HostFailureKind } from '@sallyport/sdk'
import type { Message } from '@sallyport/sdk/protocol'
import type { HostCall } from '../../kernel/plugin-host.ts'
import type { SandboxLimits } from '../limits.ts'
import { parsePayload, RESULT_NESTING } from '../payload.ts'
import { Piece, type PieceEvents } from './piece.ts'
import type { SandboxProcess } from './sandbox-process.ts'

export interface ActiveCallOptions {
  readonly call: HostCall
  readonly nowMs: number
  readonly limits: SandboxLimits
  /** Called once, when the call is over for whoever made it. */
  readonly onOver: (active: ActiveCall, failure: HostFailureKind | null) => void
}

/** A call on its way through a sandbox: it may be given to several children before it ends. */
export class ActiveCall {
  readonly call: HostCall
  readonly deadlineMs: number
  readonly promise: Promise<void>
  /** It had to wait for the CPU budget of its tenant. */
  isThrottled = false
  readonly #limits: SandboxLimits
  readonly #onOver: ActiveCallOptions['onOver']
  #resolve!: () => void
  #reject!: (error: Error) => void
  #piece: Piece | null = null
  #process: SandboxProcess | null = null
  #isOver = false

  constructor({ call, nowMs, limits, onOver }: ActiveCallOptions) {
    this.call = call
    this.deadlineMs = nowMs + call.timeoutMs
    this.#limits = limits
    this.#onOver = onOver
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  get piece(): Piece | null {
    return this.#piece
  }

  /** Gives the call to a child. */
  submit(process: SandboxProcess, events: PieceEvents): void {
    const { call } = this
    try {
      const view = JSON.stringify(call.view())
      this.#piece = new Piece('call', events)
      this.#process = process
      process.send(this.#piece, {
        name: 'call',
        instanceKey: call.instanceKey,
        phase: call.phase,
        timeoutMs: Math.ceil(call.timeoutMs),
        view,
      })
    } catch (error) {
      this.fail('error', `the call cannot be sent to its sandbox: ${(error as Error).message}`)
    }
  }

  /** The child is gone and had not begun: the call can be given to another. */
  takeBack(): void {
    this.#piece = null
    this.#process = null
  }

  /** Applies what came out of the handler, unless nobody is interested any more. */
  onResult(message: Message<'result'>): void {
    if (this.#isOver) return
    try {
      const result = parsePayload(message.payload as string, this.#limits.depthMax + RESULT_NESTING)
      if (!this.call.over) this.call.apply(result)
    } catch (error) {
      const failure = error instanceof HostFailure ? error : toHostFailure(error)
      this.#settle(failure)
      return
    }
    this.#settle(null)
  }

  fail(kind: HostFailureKind, message: string, decided = false): void {
    this.#settle(new HostFailure(kind, message, decided))
  }

  #settle(failure: HostFailure | null): void {
    if (this.#isOver) return
    this.#isOver = true
    if (this.#piece !== null && this.#piece.state !== 'over') this.#process?.cancel(this.#piece)
    this.#onOver(this, failure?.kind ?? null)
    if (failure === null) this.#resolve()
    else this.#reject(failure)
  }
}

function toHostFailure(error: unknown): HostFailure {
  return new HostFailure('error', error instanceof Error ? error.message : String(error))
}
