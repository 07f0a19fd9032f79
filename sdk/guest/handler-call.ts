import {
  type CallView,
  PDK_MEMBERS,
  PdkError,
  type Phase,
  PHASES,
  wrongPhaseText,
} from '../index.ts'
import type { PdkMember } from '../index.ts'
import type { GuestOptions, GuestPort } from './options.ts'
import { jsonStringify, type SafeMap, slice, toNumber, toText } from './primordials.ts'
import { shapeOf } from './json-shape.ts'

/** What `init`, `configure` and `close` run in: there is no request. */
export type Occasion = Phase | 'init' | 'configure' | 'close'

const ID_MAX = 0xffff_ffff
/** The result itself is an object of a list of lists. */
const RESULT_NESTING = 3

/** Something that the host was asked for and has not answered. */
interface PendingEffect {
  readonly call: HandlerCall
  readonly isTimer: boolean
  readonly resolve: (value: unknown) => void
  readonly reject: (error: unknown) => void
}

/** What all calls of one isolate share. */
export interface CallRealm {
  readonly options: GuestOptions
  readonly port: GuestPort
  /** Every effect under way, over all calls, by its id. */
  readonly effects: SafeMap<number, PendingEffect>
  nextEffectId: number
}

export interface HandlerCallOptions {
  /** A number, or the text of one. */
  readonly id: number | string
  readonly phase: Occasion
  readonly view: CallView
  readonly pluginId: string
  readonly realm: CallRealm
}

/** The state of one call: what it was given, and the changes that it has recorded. */
export class HandlerCall {
  readonly #id: number | string
  readonly phase: Occasion
  readonly phaseBit: number
  readonly view: CallView
  readonly pluginId: string
  readonly realm: CallRealm
  /** Set when `response.exit` was called; the message cannot be changed after it. */
  exited = false
  over = false
  /** Set when something was changed that the view does not tell: nobody else can go on with it. */
  isFinal = false
  /** What handlers before have changed is made in the view, and not recorded again. */
  isFollowing = false
  /** What was recorded, each as JSON: nothing that a plugin does later reaches it. */
  #changes = ''
  #changeCount = 0
  #logLines: [level: string, text: string][] = []
  #effectCount = 0
  #timerCount = 0
  /** Whether an argument was recorded that can be nested. */
  #hasNested = false
  #shared: Box | null = null
  #plugin: Box | null = null

  constructor({ id, phase, view, pluginId, realm }: HandlerCallOptions) {
    this.#id = id
    this.phase = phase
    this.phaseBit = phase in PHASES ? PHASES[phase as Phase].bit : 0
    this.view = view
    this.pluginId = pluginId
    this.realm = realm
  }

  /** Most calls end without anybody asking for it. */
  get id(): number {
    return toNumber(this.#id)
  }

  /** Throws unless the member may be called now. */
  check(member: PdkMember, phaseBits: number): void {
    this.checkOpen(member)
    if ((phaseBits & this.phaseBit) === 0 && !(this.phaseBit === 0 && isOfNoRequest(member))) {
      throw new PdkError('WRONG_PHASE', wrongPhaseText(member, this.phase as Phase))
    }
  }

  checkOpen(member: string): void {
    if (!this.over) return
    throw new PdkError(
      'HANDLER_OVER',
      `${member} was called after the handler for ${this.phase} had ended or run out of time`,
    )
  }

  /** Records a change. `nested`: one of the arguments may hold other values. */
  change(nested: boolean, member: PdkMember, ...args: unknown[]): void {
    if (this.exited) {
      throw new PdkError('ALREADY_EXITED', `${member} was called after response.exit`)
    }
    if (this.isFollowing) return
    if (PDK_MEMBERS[member].told !== true) this.isFinal = true
    this.#record(nested, [member, ...args])
  }

  exit(member: PdkMember, ...args: unknown[]): void {
    this.#record(true, [member, ...args])
    this.exited = true
    this.isFinal = true
  }

  log(level: string, text: string): void {
    if (this.isFollowing) return
    const { logLinesMax, logLineLengthMax } = this.realm.options
    const count = this.#logLines.length
    if (count >= logLinesMax) return
    const line =
      count === logLinesMax - 1
        ? `more than ${logLinesMax} lines in one call: the others are dropped`
        : slice(text, 0, logLineLengthMax)
    this.#logLines[count] = [level, line]
    if (this.phaseBit !== 0) this.#record(false, [`log.${level}`, line])
  }

  /** An effect that the kernel executes. Rejects when it cannot be asked for. */
  effect(member: string, args: unknown[]): Promise<unknown> {
    return new Promise((resolve, reject) => {
      if (this.#effectCount >= this.realm.options.effectsMax) {
        throw new PdkError(
          'LIMIT',
          `${member}: ${this.#effectCount} effects of this handler are under way, its limit at one time`,
        )
      }
      this.#ask(member, args, { call: this, isTimer: false, resolve, reject })
    })
  }

  /** Calls back after some time; the answer is the id of the timer. */
  startTimer(ms: number, callback: () => void): number {
    this.checkOpen('setTimeout')
    if (this.#timerCount >= this.realm.options.timersMax) {
      throw new PdkError('LIMIT', `setTimeout: ${this.#timerCount} timers are under way already`)
    }
    const reject = (): undefined => undefined
    return this.#ask('setTimeout', [ms], { call: this, isTimer: true, resolve: callback, reject })
  }

  /** Takes an effect out of those under way; the answer that comes later is ignored. */
  forget(id: number, effect: PendingEffect): void {
    this.realm.effects.delete(id)
    if (effect.isTimer) this.#timerCount--
    else this.#effectCount--
  }

  /** Nothing that the call has asked for matters any more. */
  end(): void {
    this.over = true
    if (this.#effectCount + this.#timerCount === 0) return
    this.realm.effects.forEach((effect, id) => {
      if (effect.call === this) this.forget(id, effect)
    })
  }

  get sharedContext(): Record<string, unknown> {
    this.checkOpen('ctx.shared')
    return (this.#shared ??= toBox(this.view.ctx.shared)).value
  }

  get pluginContext(): Record<string, unknown> {
    this.checkOpen('ctx.plugin')
    return (this.#plugin ??= toBox(this.view.ctx.plugin)).value
  }

  /** Ends the call and gives its result as JSON. Throws when the result is over a limit. */
  finish(): string {
    const { options } = this.realm
    this.end()
    const shared = this.#shared === null ? null : toChanged('ctx.shared', this.#shared, options)
    const plugin = this.#plugin === null ? null : toChanged('ctx.plugin', this.#plugin, options)
    let json = `{"changes":[${this.#changes}]`
    if (shared !== null) json += `,"shared":${shared}`
    if (plugin !== null) json += `,"plugin":${plugin}`
    json += '}'
    if (json.length > options.resultBytesMax) {
      throw new PdkError(
        'LIMIT',
        `the result is ${json.length} characters long; up to ${options.resultBytesMax} are allowed`,
      )
    }
    const nested = this.#hasNested || shared !== null || plugin !== null
    if (nested && shapeOf(json).depth > options.depthMax + RESULT_NESTING) {
      throw new PdkError('LIMIT', `the result is nested deeper than ${options.depthMax}`)
    }
    return json
  }

  /** What is told of a call that failed. */
  fail(message: string): string {
    this.end()
    const json = jsonStringify({ message, decided: this.exited, log: this.#logLines })
    if (json.length <= this.realm.options.resultBytesMax) return json
    const note = `the ${this.#logLines.length} lines of this call are too long and were dropped`
    return jsonStringify({ message, decided: this.exited, log: [['warn', note]] })
  }

  get logLines(): readonly (readonly [level: string, text: string])[] {
    return this.#logLines
  }

  #record(nested: boolean, change: unknown[]): void {
    if (this.#changeCount >= this.realm.options.changesMax) {
      throw new PdkError(
        'LIMIT',
        `${toText(change[0])}: a handler may make up to ${this.realm.options.changesMax} changes`,
      )
    }
    if (nested) this.#hasNested = true
    const json = jsonStringify(change)
    this.#changes = this.#changeCount++ === 0 ? json : `${this.#changes},${json}`
  }

  #ask(member: string, args: unknown[], effect: PendingEffect): number {
    const { realm } = this
    const json = jsonStringify(args)
    if (json.length > realm.options.resultBytesMax) {
      throw new PdkError('LIMIT', `${member}: the arguments are ${json.length} characters long`)
    }
    const { depth, values } = shapeOf(json)
    const { depthMax, effectValuesMax } = realm.options
    if (depth > depthMax) {
      throw new PdkError('LIMIT', `${member}: the arguments are nested too deep`)
    }
    if (values > effectValuesMax) {
      throw new PdkError(
        'LIMIT',
        `${member}: the arguments have ${values} values; up to ${effectValuesMax} are allowed`,
      )
    }
    const id = realm.nextEffectId
    realm.nextEffectId = id === ID_MAX ? 1 : id + 1
    realm.effects.set(id, effect)
    if (effect.isTimer) this.#timerCount++
    else this.#effectCount++
    realm.port.post(effect.isTimer ? 'timer' : 'effect', id, this.id, member, json)
    return id
  }
}

/** What `init`, `configure` and `close` may call: it looks at no request. */
function isOfNoRequest(member: PdkMember): boolean {
  if (member === 'log.serialize' || member === 'log.setSerializeValue') return false
  return member.startsWith('log.') || member.startsWith('node.') || member.startsWith('plugin.')
}

interface Box {
  readonly value: Record<string, unknown>
  readonly before: string
}

function toBox(value: Readonly<Record<string, unknown>>): Box {
  return { value, before: jsonStringify(value) }
}

/** The values as they are now, as JSON, or null when nothing has changed. */
function toChanged(what: string, box: Box, options: GuestOptions): string | null {
  const now = jsonStringify(box.value)
  if (now === box.before) return null
  if (now.length > options.contextBytesMax) {
    throw new PdkError(
      'LIMIT',
      `${what} is ${now.length} characters of JSON; up to ${options.contextBytesMax} are allowed`,
    )
  }
  return now
}
