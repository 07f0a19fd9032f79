import { PdkError, type PdkErrorCode, type Phase, type Plugin, toManifest } from '../index.ts'
import { type Before, FAILED_MARK, FINAL_MARK, LEFT, payloadOf, toFailed } from './call-text.ts'
import { toErrorText } from './error-text.ts'
import { type CallRealm, HandlerCall, type Occasion } from './handler-call.ts'
import { followResults } from './follow-results.ts'
import { toLazyView } from './lazy-view.ts'
import type { GuestOptions, GuestPort } from './options.ts'
import { createLifecyclePdk, createPdk } from './pdk.ts'
import {
  dateNow,
  indexOf,
  isArray,
  jsonParse,
  jsonStringify,
  objectFreeze,
  objectKeys,
  promiseThen,
  SafeMap,
  slice,
  toNumber,
  toPromise,
  toText,
} from './primordials.ts'

/** A configured plugin as it crosses. */
interface InstanceMessage {
  readonly key: string
  readonly id: string
  readonly config: unknown
}

interface Instance {
  readonly id: string
  readonly config: unknown
}

type Instances = SafeMap<string, Instance>

/** What the head of a call names, and what that is. */
interface Target {
  readonly head: string
  readonly phase: Phase
  readonly key: string
  readonly instance: Instance | undefined
}

const NO_TARGET: Target = { head: '', phase: 'access', key: '', instance: undefined }

const LINES_MAX = 64
/** No further call is begun in a turn after this time: milliseconds of wall clock. */
const CALLS_MS = 2
const UNTOLD = `${FAILED_MARK}{"message":"its failure cannot be told","decided":false,"log":[]}`
/** No request: only `log`, `node` and `plugin` can be used, which look at none of it. */
const NO_VIEW = null as never

/**
 * What the host calls: a string in, a bounded string out, as `call-text.ts` says. The end of work that
 * waits is posted later. Nothing that a plugin made leaves this class but as a string; everything thrown
 * is caught here.
 */
export class Dispatcher {
  readonly #realm: CallRealm
  /** Calls that wait. */
  readonly #waiting = new SafeMap<number, HandlerCall>()
  readonly #lines: [level: string, text: string][] = []
  #exports: Record<string, unknown> | null = null
  #plugin: Plugin | null = null
  #pluginName = ''
  #instances: Instances = new SafeMap()
  #staged: Instances | null = null
  #initialised = false
  #current: HandlerCall | null = null
  #answers = ''
  /** Where the next call begins in the text of calls; beyond it when there is none. */
  #nextAt = 0
  /** When the first of several calls of a turn began. */
  #beganMs = 0
  #target: Target = NO_TARGET

  constructor(port: GuestPort, options: GuestOptions) {
    this.#realm = { port, options, effects: new SafeMap(), nextEffectId: 1 }
  }

  /** The call whose turn it is. */
  get current(): HandlerCall | null {
    return this.#current
  }

  /** Called by the entry module with what the plugin's module exports. */
  accept(exports: Record<string, unknown>): void {
    this.#exports ??= exports
  }

  /** A line that belongs to no call. */
  log(level: string, text: string): void {
    if (this.#lines.length >= LINES_MAX) return
    this.#lines[this.#lines.length] = [level, slice(text, 0, this.#realm.options.logLineLengthMax)]
  }

  clearTimer(id: number): void {
    const effect = this.#realm.effects.get(id)
    if (effect?.isTimer === true) effect.call.forget(id, effect)
  }

  /** The manifest of the plugin that was loaded. */
  describe(): string {
    this.#current = null
    try {
      if (this.#exports === null) {
        throw new TypeError('the module did not finish loading: it waits at its top level')
      }
      const plugin = this.#exports['default']
      if (plugin === undefined) {
        throw new TypeError('the module has no default export; a plugin is a default export')
      }
      const manifest = toManifest(plugin)
      this.#plugin = plugin as Plugin
      this.#pluginName = manifest.name
      return this.#bounded(jsonStringify({ manifest, log: this.#takeLines() }))
    } catch (error) {
      const message = toErrorText(error)
      return `${FAILED_MARK}${jsonStringify({ message, decided: false, log: this.#takeLines() })}`
    }
  }

  /** Makes the instances ready and runs the plugin's `init` and `configure`; `commit` switches. */
  configure(id: number, json: string): string {
    const call = this.#lifecycleCall(id, 'configure')
    return this.#run(call, () => {
      const staged: Instances = new SafeMap()
      const configs: unknown[] = []
      for (const { key, id: instanceId, config } of jsonParse(json) as InstanceMessage[]) {
        configs[configs.length] = deepFreeze(config)
        staged.set(key, { id: instanceId, config })
      }
      this.#staged = staged
      const { init, configure } = this.#plugin!
      const pdk = createLifecyclePdk(call)
      const doConfigure = () => configure?.call(this.#plugin, pdk, configs as never)
      if (this.#initialised || init === undefined) {
        this.#initialised = true
        return doConfigure()
      }
      const began = init.call(this.#plugin, pdk)
      if (typeof began !== 'object' || began === null) {
        this.#initialised = true
        return doConfigure()
      }
      return promiseThen(toPromise(began), () => {
        this.#initialised = true
        return doConfigure()
      })
    })
  }

  commit(): string {
    if (this.#staged !== null) this.#instances = this.#staged
    this.#target = NO_TARGET
    this.#staged = null
    return ''
  }

  /**
   * Runs calls (`toCallText`) one after the other. Some may be left: who waits is the last, because what its
   * promise does at the end of the turn must find it as the one whose turn it is; and after some time the host
   * is to know how far it got.
   */
  calls(text: string): string {
    // Those of a turn before belong to other calls.
    this.#answers = ''
    let answers = this.#callSafely(text, 0)
    const isOne = this.#nextAt > text.length
    let isWaiting = answers === ''
    while (this.#nextAt <= text.length) {
      if (isWaiting || dateNow() - this.#beganMs >= CALLS_MS)
        return (this.#answers = `${answers}\n${LEFT}`)
      const answer = this.#callSafely(text, this.#nextAt)
      isWaiting = answer === ''
      answers = `${answers}\n${answer}`
    }
    // Nobody waits: what one of them has left to run by itself belongs to none of the others.
    if (!isOne && !isWaiting) this.#current = null
    return (this.#answers = answers)
  }

  /** What `calls` gave, for a host to which it did not come. */
  get answers(): string {
    return this.#answers
  }

  /** What cannot even be told is told as that. */
  #callSafely(text: string, at: number): string {
    try {
      return this.#call(text, at)
    } catch {
      return UNTOLD
    }
  }

  #call(text: string, at: number): string {
    // Whatever comes in between, there is no call behind one that cannot be read.
    this.#nextAt = text.length + 1
    const lengthAt = indexOf(text, ' ', at) + 1
    const headAt = indexOf(text, ' ', lengthAt) + 1
    const headEnd = indexOf(text, '\n', headAt)
    const end = headEnd + 1 + toNumber(slice(text, lengthAt, headAt - 1))
    if (!(end <= text.length)) return toFailed('a call is longer than what has come')
    this.#nextAt = end + 1
    // The first of several counts as well; one alone need not ask for the time.
    if (at === 0 && this.#nextAt <= text.length) this.#beganMs = dateNow()
    const target = this.#targetOf(slice(text, headAt, headEnd))
    const beforeEnd = indexOf(text, '\n', headEnd + 1)
    const call = new HandlerCall({
      id: slice(text, at, lengthAt - 1),
      phase: target.phase,
      view: toLazyView(text, beforeEnd + 1, end),
      pluginId: target.instance?.id ?? '',
      realm: this.#realm,
    })
    const { instance } = target
    // Looked up in each call: a plugin may have put another one there.
    const handler = this.#plugin?.[target.phase]
    if (instance === undefined || handler === undefined) {
      const { key, phase } = target
      return `${FAILED_MARK}${call.fail(`there is no instance "${key}" with a handler for ${phase}`)}`
    }
    return this.#run(call, () => {
      if (beforeEnd > headEnd + 1) {
        followResults(call, jsonParse(slice(text, headEnd + 1, beforeEnd)) as Before)
      }
      return handler.call(this.#plugin, createPdk(call), instance.config as never)
    })
  }

  /** What a call is for: mostly the same as the one before. */
  #targetOf(head: string): Target {
    if (this.#target.head === head) return this.#target
    const phaseEnd = indexOf(head, ' ')
    const phase = slice(head, 0, phaseEnd) as Phase
    const key = slice(head, phaseEnd + 1)
    const instance = this.#instances.get(key)
    return (this.#target = { head, phase, key, instance })
  }

  close(id: number): string {
    const call = this.#lifecycleCall(id, 'close')
    return this.#run(call, () => this.#plugin?.close?.(createLifecyclePdk(call)))
  }

  /** The host's answer to an effect. An answer that nobody waits for any more is ignored. */
  effect(id: number, ok: boolean, json: string): string {
    const effect = this.#realm.effects.get(id)
    if (effect === undefined) return ''
    const { call } = effect
    this.#current = call
    call.forget(id, effect)
    try {
      const value: unknown = jsonParse(json)
      if (ok) effect.resolve(value)
      else effect.reject(toPdkError(value))
    } catch (error) {
      // A timer's callback threw: there is nobody else to tell than the call that started it.
      this.#end(call, 'failed', () => call.fail(toErrorText(error)))
    }
    return ''
  }

  cancel(id: number): string {
    this.#waiting.get(id)?.end()
    this.#waiting.delete(id)
    return ''
  }

  #lifecycleCall(id: number, phase: Occasion): HandlerCall {
    return new HandlerCall({
      id,
      phase,
      view: NO_VIEW,
      pluginId: this.#pluginName,
      realm: this.#realm,
    })
  }

  #run(call: HandlerCall, handler: () => unknown): string {
    this.#current = call
    try {
      const returned = handler()
      if (returned === null || (typeof returned !== 'object' && typeof returned !== 'function')) {
        const payload = this.#finish(call)
        return call.isFinal ? FINAL_MARK + payload : payload
      }
      const promise = toPromise(returned)
      this.#waiting.set(call.id, call)
      void promiseThen(
        promise,
        () => this.#end(call, 'result', () => this.#finish(call)),
        (error) => this.#end(call, 'failed', () => call.fail(toErrorText(error))),
      )
      return ''
    } catch (error) {
      this.#waiting.delete(call.id)
      return `${FAILED_MARK}${call.fail(toErrorText(error))}`
    }
  }

  /** Posts the end of a call that waited, once. */
  #end(call: HandlerCall, kind: 'result' | 'failed', make: () => string): void {
    if (!this.#waiting.delete(call.id)) return
    try {
      const payload = make()
      this.#realm.port.post(kind === 'result' && call.isFinal ? 'final' : kind, call.id, payload)
    } catch (error) {
      this.#realm.port.post('failed', call.id, toFailure(call, error))
    }
  }

  #finish(call: HandlerCall): string {
    if (call.phaseBit !== 0) return call.finish()
    call.end()
    return jsonStringify({ log: [...this.#takeLines(), ...call.logLines] })
  }

  #takeLines(): [level: string, text: string][] {
    return this.#lines.splice(0)
  }

  #bounded(json: string): string {
    const { resultBytesMax } = this.#realm.options
    if (json.length > resultBytesMax) {
      throw new PdkError(
        'LIMIT',
        `the manifest is ${json.length} characters long; up to ${resultBytesMax} are allowed`,
      )
    }
    return json
  }
}

/** Even to tell of a failure may fail: a plugin can give every object a `toJSON`. */
function toFailure(call: HandlerCall, error: unknown): string {
  try {
    return call.fail(toErrorText(error))
  } catch {
    return payloadOf(UNTOLD)
  }
}

function toPdkError(value: unknown): PdkError {
  const { code, message } = (value ?? {}) as { code?: unknown; message?: unknown }
  return new PdkError(toText(code) as PdkErrorCode, toText(message))
}

/** The configuration is the same object in every call: a handler must not leave anything in it. */
function deepFreeze(value: unknown): unknown {
  if (typeof value !== 'object' || value === null) return value
  if (isArray(value)) for (const item of value) deepFreeze(item)
  else for (const key of objectKeys(value)) deepFreeze((value as Record<string, unknown>)[key])
  return objectFreeze(value)
}
