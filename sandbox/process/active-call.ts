import { setImmediate as nextTurn } from 'node:timers/promises'
import { HostFailure, type HostFailureKind } from '@sallyport/sdk'
import type { Message } from '@sallyport/sdk/protocol'
import type { HostCall } from '../../kernel/plugin-host.ts'
import type { EffectAnswer } from '../effects.ts'
import type { SandboxLimits } from '../limits.ts'
import { parsePayload, RESULT_NESTING } from '../payload.ts'
import { Piece, type PieceEvents } from './piece.ts'
import type { SandboxProcess } from './sandbox-process.ts'

export interface ActiveCallOptions {
  readonly call: HostCall
  /** Of its host: who came first has the lower one. */
  readonly number: number
  readonly nowMs: number
  readonly limits: SandboxLimits
  /** Called once, when the call is over for whoever made it. */
  readonly onOver: (active: ActiveCall, failure: HostFailureKind | null) => void
}

/** A call on its way through a sandbox: it may be given to several children before it ends. */
export class ActiveCall {
  readonly call: HostCall
  readonly number: number
  readonly deadlineMs: number
  readonly promise: Promise<void>
  /** It had to wait for the CPU budget of its tenant. */
  isThrottled = false
  /** It waits until it may begin. */
  isHeld = false
  /** Among those under way: theirs to know. */
  place = -1
  readonly #limits: SandboxLimits
  readonly #onOver: ActiveCallOptions['onOver']
  #resolve!: () => void
  #reject!: (error: Error) => void
  #piece: Piece | null = null
  #process: SandboxProcess | null = null
  #isOver = false
  #effects = 0
  #effectBytes = 0
  #lastLarge: Promise<unknown> = Promise.resolve()

  constructor({ call, number, nowMs, limits, onOver }: ActiveCallOptions) {
    this.call = call
    this.number = number
    this.deadlineMs = nowMs + call.timeoutMs
    this.#limits = limits
    this.#onOver = onOver
    this.promise = new Promise((resolve, reject) => {
      this.#resolve = resolve
      this.#reject = reject
    })
  }

  get isOver(): boolean {
    return this.#isOver
  }

  get piece(): Piece | null {
    return this.#piece
  }

  /** The call is with a child already, behind another. */
  follow(process: SandboxProcess, piece: Piece): void {
    this.#piece = piece
    this.#process = process
  }

  /** Gives the call to a child. */
  submit(process: SandboxProcess, events: PieceEvents): void {
    const { call } = this
    try {
      this.#piece = new Piece('call', events)
      this.#process = process
      process.send(this.#piece, {
        name: 'call',
        instanceKey: call.instanceKey,
        phase: call.phase,
        timeoutMs: Math.ceil(call.timeoutMs),
        view: call.view(),
      })
    } catch (error) {
      this.fail('error', `the call cannot be sent to its sandbox: ${(error as Error).message}`)
    }
  }

  /** Counts an effect; false when there were too many of them. */
  countEffect(): boolean {
    return ++this.#effects <= this.#limits.effectsTotalMax
  }

  /**
   * Runs an effect whose answer may be large. Such answers are made one after the other, each in a turn
   * of its own of the event loop, until the call has had its share.
   */
  runLarge(member: string, run: () => EffectAnswer | Promise<EffectAnswer>): Promise<EffectAnswer> {
    const answer = this.#lastLarge.then(async () => {
      await nextTurn()
      const { effectBytesTotalMax } = this.#limits
      if (this.#effectBytes >= effectBytesTotalMax) {
        const message = `${member}: this call has been given ${effectBytesTotalMax} bytes already`
        return { ok: false, value: JSON.stringify({ code: 'LIMIT', message }) }
      }
      const made = await run()
      this.#effectBytes += made.value.length
      return made
    })
    this.#lastLarge = answer.catch(() => undefined)
    return answer
  }

  /** The child is gone and had not begun: the call can be given to another. */
  takeBack(): void {
    this.#piece = null
    this.#process = null
    this.#effects = 0
  }

  /** Applies what came out of the handler, unless nobody is interested any more. */
  onResult(message: Message<'result'>): void {
    if (this.#isOver) return
    try {
      const { depthMax, payloadValuesMax } = this.#limits
      const json = message.payload as string
      const result = parsePayload(json, depthMax + RESULT_NESTING, payloadValuesMax)
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
