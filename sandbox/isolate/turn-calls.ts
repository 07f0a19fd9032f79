import { toCallText } from '@sallyport/sdk/guest'
import { CallGroup } from '../call-group.ts'
import { LoopTurn } from '../loop-turn.ts'
import { endOfCalls } from './call-lines.ts'
import type { IsolateCall } from './isolate-call.ts'
import { type CallsEnd, isBroken, toEnds, type TurnEnd } from './turn-end.ts'

/** With fewer in a turn, the promise that each needs costs what it saves. */
const TOGETHER_MIN = 3

export interface TurnCallsOptions {
  readonly pluginOf: (instanceKey: string) => string
  /** Crosses with the text of these calls; null when there is no isolate any more. */
  readonly cross: (calls: readonly IsolateCall[], text: string) => CallsEnd | null
  readonly onEnd: (active: IsolateCall, end: TurnEnd) => void
  /** The isolate is broken by one of them, or was before they had begun. */
  readonly onLost: (calls: readonly IsolateCall[], end: TurnEnd | null) => void
}

/** Calls that wait for the end of a turn of the event loop, to cross together. */
export class TurnCalls {
  readonly #options: TurnCallsOptions
  readonly #turn = new LoopTurn(TOGETHER_MIN, () => this.#beginAll())
  readonly #group = new CallGroup()
  /** In the order in which they came. */
  #calls: IsolateCall[] = []

  constructor(options: TurnCallsOptions) {
    this.#options = options
  }

  /** Whether the next call is one of those that wait. */
  get isNext(): boolean {
    return this.#turn.waits()
  }

  get size(): number {
    return this.#calls.length
  }

  add(active: IsolateCall): void {
    this.#calls.push(active)
  }

  /** Those that wait, which it forgets. */
  take(): IsolateCall[] {
    const calls = this.#calls
    this.#calls = []
    return calls
  }

  #beginAll(): void {
    let together: IsolateCall[] = []
    for (const active of this.take()) {
      const text = toText(active)
      if (text === null) continue
      const plugin = this.#options.pluginOf(active.call.instanceKey)
      if (!this.#group.takes(plugin, text)) {
        this.#begin(together)
        together = []
        // A long one crosses alone.
        if (!this.#group.takes(plugin, text)) {
          this.#cross([active], text)
          continue
        }
      }
      this.#group.add(plugin, active.id, text)
      together.push(active)
    }
    this.#begin(together)
  }

  #begin(calls: readonly IsolateCall[]): void {
    const message = this.#group.take()
    if (message !== null) this.#cross(calls, message.text)
  }

  /** As often as some are left. */
  #cross(calls: readonly IsolateCall[], text: string): void {
    const { onLost } = this.#options
    let left = calls
    let rest = text
    while (left.length > 0) {
      const ends = this.#endsOf(left, rest)
      if (!Array.isArray(ends)) return onLost(left, ends)
      const begun = left
      left = begun.slice(ends.length)
      const isLast = isBroken(ends.at(-1)!)
      if (isLast) onLost(left, null)
      for (let i = 0; i < ends.length; i++) this.#end(begun[i]!, ends[i]!)
      if (isLast) return
      rest = rest.slice(endOfCalls(rest, ends.length) ?? rest.length)
    }
  }

  /** What is thrown here nobody else would catch. */
  #endsOf(calls: readonly IsolateCall[], text: string): TurnEnd[] | TurnEnd | null {
    try {
      const crossed = this.#options.cross(calls, text)
      return crossed === null ? null : toEnds(calls.length, crossed)
    } catch (error) {
      return { kind: 'error', payload: (error as Error).message }
    }
  }

  #end(active: IsolateCall, end: TurnEnd): void {
    try {
      this.#options.onEnd(active, end)
    } catch (error) {
      active.fail('error', (error as Error).message)
    }
  }
}

function toText(active: IsolateCall): string | null {
  const { id, call } = active
  try {
    const { instanceKey, phase } = call
    return toCallText({ id, instanceKey, phase, view: call.view() })
  } catch (error) {
    active.fail('error', `the call cannot be told: ${(error as Error).message}`)
    return null
  }
}
