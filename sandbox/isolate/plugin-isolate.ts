import { TIMER_EFFECT } from '@sallyport/sdk/protocol'
import type ivm from 'isolated-vm'
import { randomBytes } from 'node:crypto'
import type { Dispatch, Guest, GuestOperation, GuestPost, RunCalls } from '../guest/main.ts'
import { toPieces } from '../guest/pieces.ts'
import type { GuestPort, PostKind } from '@sallyport/sdk/guest'
import { areResults, endOfCalls, splitAnswers } from './call-lines.ts'
import type { IsolatedVm } from './load-isolated-vm.ts'
import { evaluatePlugin } from './evaluate-plugin.ts'
import { Parts } from './parts.ts'
import { type CallsEnd, toEnd, type TurnEnd } from './turn-end.ts'

/** What a guest tells beside the ends of its turns. */
export interface GuestSink {
  effect(id: number, callId: number, member: string, argsJson: string): void
  /** The end of a call that waited. */
  end(callId: number, end: TurnEnd): void
}

export interface PluginIsolateOptions {
  readonly isolatedVm: IsolatedVm
  readonly library: string
  readonly sdk: string
  readonly native: GuestPort['native']
  /** `GuestOptions` as JSON. */
  readonly guestOptions: string
  readonly isolateBytesMax: number
  readonly loadMs: number
  /** Deadline of every turn after loading. */
  readonly turnMs: number
  /**
   * Deadlines are up to so much later, so that those of many short turns are at the same moment: isolated-vm
   * forgets none before it is due, and wakes a thread for each moment.
   */
  readonly turnGridMs: number
  /** Whether `wasStarved` is of interest: to look at the CPU takes its time in every turn. */
  readonly tellsStarved?: boolean
  readonly sink: GuestSink
}

const MB = 1024 * 1024
/**
 * More posts than this in one turn are no longer effects of a handler. They are dropped, ends of calls too:
 * keep it above what calls that cross together may ask for (`effectsMax` and `timersMax` of each).
 */
const POSTS_MAX = 4_096
/** Characters. The guest's library keeps to less (`resultBytesMax`), of the answer for each of 16 calls. */
const POST_LENGTH_MAX = 4 * MB
const ANSWER_LENGTH_MAX = 64 * MB

/**
 * One isolate with one plugin. Every crossing is a synchronous call with a deadline; strings go in and
 * a string comes out. Errors that reach this side come from isolated-vm, not from the guest's code.
 */
export class PluginIsolate {
  readonly #isolate: ivm.Isolate
  readonly #dispatch: ivm.Reference<Dispatch>
  readonly #calls: ivm.Reference<RunCalls>
  readonly #sink: GuestSink
  readonly #loadOptions: { timeout: number }
  readonly #turnMs: number
  readonly #turnGridMs: number
  readonly #tellsStarved: boolean
  readonly #turnOptions: { timeout: number }
  readonly #context: ivm.Context
  readonly #sdk: string
  #postsLeft = POSTS_MAX
  /** What the guest has sent of texts whose last piece is to come: one of its posts, and its answer. */
  readonly #posted = new Parts(POST_LENGTH_MAX)
  readonly #answered = new Parts(ANSWER_LENGTH_MAX)
  /** The last point of the grid that a turn has come before, and the CPU at the first such turn. */
  #gridAtMs = 0
  #cpuBeforeMs = 0
  /**
   * Its handlers have waited, or let rejections go unhandled: what runs at the end of a turn must find the
   * one call that it belongs to.
   */
  #crossesAlone = false
  /** A deadline or its memory has ended it: it is not to be used again. */
  isBroken = false

  constructor(options: PluginIsolateOptions) {
    const { isolatedVm, isolateBytesMax, sink, loadMs, turnMs } = options
    this.#sink = sink
    this.#sdk = options.sdk
    this.#loadOptions = { timeout: loadMs }
    this.#turnMs = turnMs
    this.#turnGridMs = options.turnGridMs
    this.#tellsStarved = options.tellsStarved ?? false
    this.#turnOptions = { timeout: turnMs }
    this.#isolate = new isolatedVm.Isolate({ memoryLimit: Math.max(8, isolateBytesMax / MB) })
    this.#context = this.#isolate.createContextSync()
    const post: GuestPost = (kind, id, ...rest) => {
      if (kind === 'part') (id === 0 ? this.#posted : this.#answered).add(rest.join(''))
      else if (this.#postsLeft-- > 0) this.#take(kind, id, rest)
      else this.#posted.take('')
    }
    const native: GuestPort['native'] = (name, text) =>
      options.native(name, this.#posted.take(text))
    const random = (count: number): string => randomBytes(count & 0x1ffff).toString('latin1')
    const guest = this.#context.evalClosureSync(
      options.library,
      [
        new isolatedVm.Callback(post),
        new isolatedVm.Callback(random),
        new isolatedVm.Callback(native),
        options.guestOptions,
      ],
      { timeout: loadMs, result: { reference: true } },
    ) as ivm.Reference<Guest>
    this.#dispatch = guest.getSync('dispatch', { reference: true })
    this.#calls = guest.getSync('calls', { reference: true })
  }

  /** Evaluates the plugin's module; the result is `{ manifest, log }`. */
  load(source: string, filename: string): TurnEnd {
    try {
      evaluatePlugin({
        isolate: this.#isolate,
        context: this.#context,
        sdk: this.#sdk,
        source,
        filename,
        loadMs: this.#loadOptions.timeout,
      })
    } catch (error) {
      return this.#toEnd(error, `did not finish loading within ${this.#loadOptions.timeout} ms`)
    }
    return this.#turn(this.#loadOptions, ['describe', 0])
  }

  configure(id: number, instancesJson: string): TurnEnd {
    return this.#turn(this.#loadOptions, ['configure', id], instancesJson)
  }

  commit(): void {
    this.#turn(this.#turnOptions, ['commit', 0])
  }

  /** Runs calls (`toCallText`) in one crossing, or the first of them. */
  calls(text: string): CallsEnd {
    const end = this.#crossesAlone ? endOfCalls(text, 1) : null
    if (end !== null) {
      const answer = this.#cross(this.#calls, this.#turnOptions, toPieces(text.slice(0, end - 1)))
      if (typeof answer === 'string') return { kind: 'some', lines: [answer], areLeft: true }
      return { kind: 'first', end: answer }
    }
    let answers = this.#cross(this.#calls, this.#turnOptions, toPieces(text))
    if (typeof answers !== 'string') {
      // A rejection that nobody handled came up among several calls, and took their answers with it, which
      // the guest still has. Whose it was is not known, so none fails for it; from now on it will be.
      if (answers.kind !== 'error' || endOfCalls(text, 1) === null) return answers
      this.#crossesAlone = true
      answers = this.#cross(this.#dispatch, this.#turnOptions, ['answers', 0, true, ''])
      if (typeof answers !== 'string') return answers
    }
    if (areResults(answers)) return answers
    const some = splitAnswers(answers)
    if (some.lines.at(-1) === '') this.#crossesAlone = true
    return some
  }

  effectResult(id: number, ok: boolean, valueJson: string): TurnEnd {
    return this.#turn(this.#turnOptions, ['effect', id, ok], valueJson)
  }

  cancel(callId: number): TurnEnd {
    return this.#turn(this.#turnOptions, ['cancel', callId])
  }

  close(id: number): TurnEnd {
    return this.#turn(this.#turnOptions, ['close', id])
  }

  /** Microseconds in turns since the isolate was made, also those in which it had to wait for the CPU. */
  get cpuUs(): number {
    return Number(this.#isolate.cpuTime / 1_000n)
  }

  /** Asks V8, which takes longer than a call. */
  heapBytes(): number {
    return this.#isolate.getHeapStatisticsSync().used_heap_size
  }

  dispose(): void {
    if (!this.#isolate.isDisposed) this.#isolate.dispose()
  }

  #turn(
    options: { timeout: number },
    [operation, id, ok = true]: readonly [GuestOperation, id: number, ok?: boolean],
    text = '',
  ): TurnEnd {
    const answer = this.#cross(this.#dispatch, options, [operation, id, ok, ...toPieces(text)])
    return typeof answer === 'string' ? toEnd(answer) : answer
  }

  /** The guest's answer, or how it was kept from giving one. */
  #cross(
    guest: ivm.Reference<(...args: never[]) => string>,
    options: { timeout: number },
    args: readonly unknown[],
  ): string | TurnEnd {
    this.#postsLeft = POSTS_MAX
    this.#posted.take('')
    this.#answered.take('')
    if (options === this.#turnOptions) this.#setDeadline()
    else if (this.#tellsStarved) this.#cpuBeforeMs = threadCpuMs()
    try {
      const last = guest.applySync(undefined, args as never, options as never)
      return this.#answered.take(String(last))
    } catch (error) {
      const limitMs = options === this.#turnOptions ? this.#turnMs : options.timeout
      const end = this.#toEnd(error, `ran for more than ${limitMs} ms`)
      if (end.kind !== 'timeout' || !this.#tellsStarved) return end
      const burntMs = threadCpuMs() - this.#cpuBeforeMs
      return { ...end, wasStarved: burntMs < options.timeout / 2 }
    }
  }

  /** Of a turn that begins now. */
  #setDeadline(): void {
    const nowMs = Date.now()
    const gridMs = this.#turnGridMs
    const untilMs = gridMs - (nowMs % gridMs)
    this.#turnOptions.timeout = this.#turnMs + untilMs
    if (!this.#tellsStarved || nowMs + untilMs === this.#gridAtMs) return
    this.#gridAtMs = nowMs + untilMs
    this.#cpuBeforeMs = threadCpuMs()
  }

  #take(kind: PostKind, id: number, rest: readonly (number | string)[]): void {
    if (kind === 'result' || kind === 'final' || kind === 'failed') {
      const payload = this.#posted.take(String(rest[0]))
      if (kind === 'failed') this.#sink.end(id, { kind, payload })
      else this.#sink.end(id, { kind: 'result', payload, isFinal: kind === 'final' })
      return
    }
    const [callId, member, args] = rest
    const name = kind === 'timer' ? TIMER_EFFECT : String(member)
    this.#sink.effect(id, Number(callId), name, this.#posted.take(String(args)))
  }

  /**
   * An error that isolated-vm reports: a deadline, the end of the isolate, or a rejection that nobody
   * handled and that came up in whichever turn was running.
   */
  #toEnd(error: unknown, late: string): TurnEnd {
    const message = textOf(error)
    if (this.#isolate.isDisposed) {
      this.isBroken = true
      return { kind: 'memory', payload: 'used more memory than its isolate may have' }
    }
    if (message.includes('Script execution timed out')) {
      this.isBroken = true
      return { kind: 'timeout', payload: late }
    }
    return { kind: 'error', payload: message }
  }
}

/** Of this thread. What isolated-vm calls the CPU time of an isolate goes on while nobody has the CPU. */
function threadCpuMs(): number {
  const { user, system } = process.threadCpuUsage()
  return (user + system) / 1_000
}

const TEXT_LENGTH_MAX = 500

function textOf(error: unknown): string {
  try {
    const { name, message } = error as Error
    return `${name}: ${message}`.slice(0, TEXT_LENGTH_MAX)
  } catch {
    return 'an error that cannot be read'
  }
}
