import { FAILED_MARK, type GuestCall, toCallText } from '@sallyport/sdk/guest'
import { endOfCalls, idsOf, instanceKeyOf, type SomeAnswers, splitAnswers } from './call-lines.ts'
import { PluginIsolate, type PluginIsolateOptions } from './plugin-isolate.ts'
import { type CallsEnd, failureOf, toEnds, type TurnEnd, WAITING } from './turn-end.ts'

/** As for one isolate. Ids of effects are the set's own, whichever guest they come from. */
export type PluginSetOptions = PluginIsolateOptions

interface InstanceMessage {
  readonly key: string
  readonly pluginName: string
}

/** Work that several isolates do together. */
interface Joint {
  left: number
  readonly lines: unknown[]
  failure: string | null
  readonly isCommit: boolean
}

/** The plugins of one tenant, each in an isolate of its own. */
export class PluginSet {
  readonly #options: PluginSetOptions
  readonly #isolates = new Map<string, PluginIsolate>()
  #byInstance = new Map<string, PluginIsolate>()
  /** Where the answer of an effect goes: guests count their effects each for itself. */
  readonly #effects = new Map<
    number,
    { readonly isolate: PluginIsolate; readonly guestId: number; readonly callId: number }
  >()
  #nextEffectId = 1
  /** The isolate in which a call waits. */
  readonly #waiting = new Map<number, PluginIsolate>()
  /** Calls that ended in the turn in which they began to wait. */
  readonly #endedEarly = new Set<number>()
  /** The calls that an isolate has been given and has not answered. */
  #turn: { readonly isolate: PluginIsolate; readonly text: string } | null = null
  readonly #joint = new Map<number, Joint>()
  #staged = new Map<string, PluginIsolate>()

  constructor(options: PluginSetOptions) {
    this.#options = options
  }

  load(pluginName: string, source: string): TurnEnd {
    const isolate: PluginIsolate = new PluginIsolate({
      ...this.#options,
      sink: {
        effect: (guestId, callId, member, argsJson) => {
          if (!this.#owns(isolate, callId)) return
          const id = this.#takeEffectId()
          this.#effects.set(id, { isolate, guestId, callId })
          this.#options.sink.effect(id, callId, member, argsJson)
        },
        end: (callId, end) => {
          if (this.#owns(isolate, callId)) this.#onEnd(callId, end)
        },
      },
    })
    const end = isolate.load(source, `${pluginName}.js`)
    if (end.kind === 'result') this.#isolates.set(pluginName, isolate)
    else if (end.kind !== 'timeout') isolate.dispose()
    return end
  }

  configure(id: number, instancesJson: string): TurnEnd {
    const groups = new Map<string, InstanceMessage[]>()
    for (const name of this.#isolates.keys()) groups.set(name, [])
    for (const instance of JSON.parse(instancesJson) as InstanceMessage[]) {
      const group = groups.get(instance.pluginName)
      if (group === undefined) {
        return toFailed(`plugin "${instance.pluginName}" is not loaded in this sandbox`)
      }
      group.push(instance)
    }
    this.#staged = new Map()
    for (const [name, group] of groups) {
      for (const { key } of group) this.#staged.set(key, this.#isolates.get(name)!)
    }
    return this.#together(id, true, (isolate, name) =>
      isolate.configure(id, JSON.stringify(groups.get(name))),
    )
  }

  call(call: GuestCall): TurnEnd {
    const ends = toEnds(1, this.calls(toCallText(call), call.instanceKey))
    return Array.isArray(ends) ? ends[0]! : ends
  }

  /** Runs the first of these calls of one plugin, one or more. */
  calls(text: string, instanceKey: string = instanceKeyOf(text)): CallsEnd {
    const isolate = this.#byInstance.get(instanceKey)
    if (isolate === undefined) {
      const { payload } = toFailed(`there is no instance "${instanceKey}"`)
      const areLeft = endOfCalls(text, 1) !== null
      return { kind: 'some', lines: [FAILED_MARK + payload], areLeft }
    }
    this.#turn = { isolate, text }
    let end: CallsEnd
    try {
      end = isolate.calls(text)
    } finally {
      this.#turn = null
    }
    if (typeof end === 'string') {
      if (this.#effects.size > 0) this.#account(isolate, text, splitAnswers(end))
    } else if (end.kind === 'some') this.#account(isolate, text, end)
    else if (end.kind === 'first') this.#forgetEffects(idsOf(text)[0]!)
    else for (const id of idsOf(text)) this.#forgetEffects(id)
    return end
  }

  /** Who waits, and whose effects nobody waits for any more. */
  #account(isolate: PluginIsolate, text: string, { lines }: SomeAnswers): void {
    const ids = idsOf(text)
    for (let i = 0; i < lines.length; i++) {
      const id = ids[i]!
      if (lines[i] !== '') this.#forgetEffects(id)
      else if (!this.#endedEarly.delete(id)) this.#waiting.set(id, isolate)
    }
  }

  /** `callId` of what the effect belonged to; null when nobody waits for it any more. */
  effectResult(
    id: number,
    ok: boolean,
    valueJson: string,
  ): { callId: number; end: TurnEnd } | null {
    const effect = this.#effects.get(id)
    if (effect === undefined) return null
    this.#effects.delete(id)
    const end = effect.isolate.effectResult(effect.guestId, ok, valueJson)
    return { callId: effect.callId, end }
  }

  cancel(callId: number): TurnEnd {
    const isolate = this.#waiting.get(callId)
    this.#forget(callId)
    return isolate === undefined ? WAITING : isolate.cancel(callId)
  }

  close(id: number): TurnEnd {
    return this.#together(id, false, (isolate) => isolate.close(id))
  }

  stats(): { plugin: string; cpuUs: number; heapBytes: number }[] {
    return [...this.#isolates].map(([plugin, isolate]) => ({
      plugin,
      cpuUs: isolate.cpuUs,
      heapBytes: isolate.heapBytes(),
    }))
  }

  /** Whether one of the isolates is not to be used again. */
  get isBroken(): boolean {
    return [...this.#isolates.values()].some(({ isBroken }) => isBroken)
  }

  dispose(): void {
    for (const isolate of this.#isolates.values()) isolate.dispose()
    this.#isolates.clear()
  }

  #together(
    id: number,
    isCommit: boolean,
    work: (isolate: PluginIsolate, name: string) => TurnEnd,
  ): TurnEnd {
    const joint: Joint = { left: 1, lines: [], failure: null, isCommit }
    this.#joint.set(id, joint)
    for (const [name, isolate] of this.#isolates) {
      joint.left++
      const end = work(isolate, name)
      if (end.kind === 'timeout' || end.kind === 'memory' || end.kind === 'error') {
        this.#joint.delete(id)
        return { kind: end.kind, payload: `plugin "${name}" ${end.payload}` }
      }
      if (end.kind === 'waiting') this.#waiting.set(id, isolate)
      else this.#count(joint, end)
    }
    joint.left--
    return joint.left > 0 ? WAITING : this.#finish(id, joint)
  }

  #count(joint: Joint, { kind, payload }: TurnEnd): void {
    joint.left--
    const { log, message } = failureOf(payload)
    if (Array.isArray(log)) joint.lines.push(...(log as unknown[]))
    if (kind === 'failed') joint.failure ??= message
  }

  #finish(id: number, joint: Joint): TurnEnd {
    this.#joint.delete(id)
    this.#forget(id)
    if (joint.failure !== null) return toFailed(joint.failure, joint.lines)
    if (joint.isCommit) {
      for (const isolate of this.#isolates.values()) isolate.commit()
      this.#byInstance = this.#staged
    }
    return { kind: 'result', payload: JSON.stringify({ log: joint.lines }) }
  }

  #onEnd(callId: number, ended: TurnEnd): void {
    const joint = this.#joint.get(callId)
    if (joint === undefined) {
      // It waited and ended within one turn, before `calls` has heard that it waits.
      if (this.#waiting.has(callId)) this.#forget(callId)
      else this.#endedEarly.add(callId)
      this.#options.sink.end(callId, ended)
      return
    }
    this.#count(joint, ended)
    if (joint.left > 0) return
    this.#options.sink.end(callId, this.#finish(callId, joint))
  }

  /** What a guest says is for its own calls, whatever id it has found. */
  #owns(isolate: PluginIsolate, callId: number): boolean {
    if (this.#joint.has(callId) || this.#waiting.get(callId) === isolate) return true
    if (this.#turn?.isolate !== isolate) return false
    return idsOf(this.#turn.text).includes(callId)
  }

  #forget(callId: number): void {
    this.#waiting.delete(callId)
    this.#forgetEffects(callId)
  }

  #forgetEffects(callId: number): void {
    if (this.#effects.size === 0) return
    for (const [id, effect] of this.#effects) if (effect.callId === callId) this.#effects.delete(id)
  }

  #takeEffectId(): number {
    const id = this.#nextEffectId
    this.#nextEffectId = id === 0xffff_ffff ? 1 : id + 1
    return id
  }
}

function toFailed(message: string, log: unknown[] = []): TurnEnd {
  return { kind: 'failed', payload: JSON.stringify({ message, decided: false, log }) }
}
