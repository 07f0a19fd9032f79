import type { GatewayMessage, HostMessage, Message } from '@sallyport/sdk/protocol'
import { type GuestOptions, isFailure, isFinal, toCallText } from '@sallyport/sdk/guest'
import { endOfCalls, idsOf, lastCallOf, lastLineOf } from '../isolate/call-lines.ts'
import type { IsolatedVm } from '../isolate/load-isolated-vm.ts'
import { createNative } from '../isolate/native.ts'
import { PluginSet } from '../isolate/plugin-set.ts'
import { type CallsEnd, isBroken, toEnds, type TurnEnd } from '../isolate/turn-end.ts'
import { toFrame, toSkipped } from './end-frames.ts'

/** What `load` says beside the source. */
export interface LoadOptions {
  readonly guest: GuestOptions
  readonly isolateBytesMax: number
  readonly loadMs: number
  readonly turnMs: number
}

type Work = Exclude<GatewayMessage, { name: 'hello' }>
type Calls = Extract<Work, { name: 'call' | 'calls' }>
type Follow = Extract<Work, { name: 'follow' }>

/** Frames leave when they are flushed, in the order in which they were sent. */
export interface ChildPort {
  send(message: HostMessage): void
  flush(): void
}

/** So long, in milliseconds, ends are held back while more of the same handlers are done. */
const HELD_MS = 2

/**
 * Deadlines are up to so much of their time later. They are there for a machine that is too busy to give the
 * child the CPU that it is killed for; without a grid, a third of a lone call's CPU went to the thread that
 * wakes for each.
 */
const TURN_GRID_SHARE = 1 / 4

/** UTF-16 units: results that are longer together go in frames of their own, which hold one for certain. */
const RESULTS_LENGTH_MAX = 1024 * 1024

const NOTHING_LOADED: TurnEnd = { kind: 'error', payload: 'nothing is loaded' }

/** What a `follow` goes on with. */
interface Trail {
  readonly phase: string
  readonly view: string
  /** Of the call that came with the view, and of those that have followed it. */
  readonly results: string[]
}

/**
 * Does the work of a sandbox host: each piece ends with exactly one frame, which is sent last; only
 * results of calls that crossed into their isolate together go together.
 */
export class ChildService {
  readonly #isolatedVm: IsolatedVm
  readonly #port: ChildPort
  #plugins: PluginSet | null = null
  /** The ids of the work whose turn it is, or the text of the calls that have them. */
  #doing: number | string | null = null
  /** What of it has asked for something. */
  #asked: Message<'effect'>[] = []
  /** What of it waited and came to its end while the turn was running. */
  readonly #turnEnds = new Map<number, TurnEnd>()
  /** The last calls, and the answer to the last of them. */
  #last: { readonly text: string; readonly answer: string } | null = null
  #trail: Trail | null = null
  #heldSinceMs: number | null = null
  /** Set when an isolate was stopped from outside: no further work can be done. */
  isBroken = false

  constructor(isolatedVm: IsolatedVm, port: ChildPort) {
    this.#isolatedVm = isolatedVm
    this.#port = port
  }

  /** Does a piece of work. What comes of it has left when `flush` was called, at the latest. */
  work(message: Work): void {
    // Who waits for what is held back is not to pay for others.
    if (message.name !== 'follow' && this.#heldSinceMs !== null) this.flush()
    this.#heldSinceMs ??= Date.now()
    switch (message.name) {
      case 'calls':
        this.#calls(message.id, message.text)
        break
      case 'call':
        this.#calls(message.id, toCallText(message))
        break
      case 'follow':
        this.#follow(message)
        break
      default:
        this.#work(message)
        this.flush()
        return
    }
    // What ends are held back is charged to the first of them: not for long.
    if (this.isBroken || Date.now() - this.#heldSinceMs >= HELD_MS) this.flush()
  }

  flush(): void {
    this.#port.flush()
    this.#heldSinceMs = null
  }

  #calls(id: number, text: string): void {
    this.#trail = null
    this.#last = null
    let at: number | null = 0
    while (at !== null && !this.isBroken) {
      const begun = at
      at = this.#doSome(begun === 0 ? id : null, begun === 0 ? text : text.slice(begun))
      if (at === null) return
      at += begun
      this.flush()
    }
  }

  /** Where the calls begin that are left; null when none are. `id` is that of the first, when it is known. */
  #doSome(id: number | null, text: string): number | null {
    if (this.#plugins === null) {
      for (const each of idsOf(text)) this.#answer(each, NOTHING_LOADED)
      return null
    }
    this.#doing = text
    const end = this.#plugins.calls(text)
    let next: number | null = null
    const isEach = typeof end !== 'string' || this.#asked.length > 0
    if (isEach || end.length > RESULTS_LENGTH_MAX) next = this.#endEach(text, end)
    else {
      this.#send({ name: 'results', id: id ?? idsOf(text)[0]!, text: end })
      this.#last = { text, answer: end }
    }
    this.#doing = null
    return next
  }

  #endEach(text: string, end: CallsEnd): number | null {
    const ids = idsOf(text)
    const ends = toEnds(ids.length, end)
    if (!Array.isArray(ends)) {
      // The gateway gives them to another host one by one, and sees.
      this.isBroken = true
      return null
    }
    let result: string | null = null
    for (let i = 0; i < ends.length; i++) result = this.#endTurn(ids[i]!, ends[i]!)
    if (ends.length < ids.length) return endOfCalls(text, ends.length)
    if (result !== null) this.#last = { text, answer: result }
    return null
  }

  /** One more call in the view of the last one, if that has left it so. */
  #follow({ id, instanceKey, plugin }: Follow): void {
    const trail = this.#takeTrail()
    if (trail === null || this.#plugins === null) {
      this.#send(toSkipped(id))
      return
    }
    const { phase, view, results } = trail
    const before = `{"results":[${results.join(',')}],"plugin":${plugin as string}}`
    this.#doing = id
    const end = this.#plugins.call({ id, instanceKey, phase, view, before })
    const result = this.#endTurn(id, end)
    this.#doing = null
    if (result === null) return
    results.push(result)
    this.#trail = trail
  }

  /** Null when the last call has not ended so that another could follow. */
  #takeTrail(): Trail | null {
    const [trail, last] = [this.#trail, this.#last]
    this.#trail = null
    this.#last = null
    if (trail !== null || last === null) return trail
    const result = lastLineOf(last.answer)
    return isFailure(result) || isFinal(result)
      ? null
      : { ...lastCallOf(last.text), results: [result] }
  }

  #work(message: Exclude<Work, Calls | Follow>): void {
    switch (message.name) {
      case 'load':
        this.#prepare(message)
        this.#answer(message.id, this.#plugins!.load(message.plugin, message.source))
        return
      case 'configure':
        this.#turn(message.id, (plugins) =>
          plugins.configure(message.id, message.instances as string),
        )
        return
      case 'effectResult':
        this.#effectResult(message.id, message.ok, message.value as string)
        return
      case 'cancel': {
        const end = this.#plugins?.cancel(message.call)
        if (end !== undefined && isBroken(end)) this.isBroken = true
        this.#send({ name: 'ack', id: message.id })
        return
      }
      case 'close':
        this.#turn(message.id, (plugins) => plugins.close(message.id))
        return
      case 'stats':
        this.#send({
          name: 'result',
          id: message.id,
          payload: JSON.stringify(this.#plugins?.stats() ?? []),
        })
        return
      case 'ping':
        this.#send({ name: 'ack', id: message.id })
    }
  }

  #prepare(message: Extract<Work, { name: 'load' }>): void {
    if (this.#plugins !== null) return
    const { library, sdk } = JSON.parse(message.library as string) as Record<string, string>
    const { guest, ...rest } = JSON.parse(message.options as string) as LoadOptions
    this.#plugins = new PluginSet({
      ...rest,
      isolatedVm: this.#isolatedVm,
      library: library!,
      sdk: sdk!,
      native: createNative(guest.trustedIps),
      guestOptions: JSON.stringify(guest),
      turnGridMs: Math.ceil(rest.turnMs * TURN_GRID_SHARE),
      sink: {
        effect: (id, call, member, args) => {
          const message: Message<'effect'> = { name: 'effect', id, call, member, args }
          // Of several whose turn it is, each may ask when those before it have ended.
          if (this.#isDoing(call)) this.#asked.push(message)
          else this.#send(message)
        },
        end: (id, end) => {
          if (this.#isDoing(id)) this.#turnEnds.set(id, end)
          else this.#send(toFrame(id, end))
        },
      },
    })
  }

  #turn(id: number, run: (plugins: PluginSet) => TurnEnd): void {
    if (this.#plugins === null) {
      this.#answer(id, NOTHING_LOADED)
      return
    }
    this.#doing = id
    this.#endTurn(id, run(this.#plugins))
    this.#doing = null
  }

  #isDoing(id: number): boolean {
    const doing = this.#doing
    return typeof doing === 'string' ? idsOf(doing).includes(id) : doing === id
  }

  #sendAsked(id: number): void {
    const own = this.#asked.filter(({ call }) => call === id)
    if (own.length === 0) return
    for (const message of own) this.#send(message)
    this.#asked = this.#asked.filter(({ call }) => call !== id)
  }

  /** The result, when another handler can follow in the same view. */
  #endTurn(id: number, ended: TurnEnd): string | null {
    if (this.#asked.length > 0) this.#sendAsked(id)
    const end = ended.kind === 'waiting' ? this.#turnEnds.get(id) : ended
    if (end === undefined) {
      this.#send({ name: 'ack', id })
      return null
    }
    if (end !== ended) this.#turnEnds.delete(id)
    this.#answer(id, end)
    return end.kind === 'result' && end.isFinal !== true ? end.payload : null
  }

  #effectResult(id: number, ok: boolean, value: string): void {
    const done = this.#plugins?.effectResult(id, ok, value) ?? null
    if (done !== null && done.end.kind !== 'waiting') this.#answer(done.callId, done.end)
    if (this.isBroken) return
    this.#send({ name: 'ack', id })
  }

  #send(message: HostMessage): void {
    this.#port.send(message)
  }

  #answer(id: number, end: TurnEnd): void {
    // The guest may still hold the call: an unhandled rejection of something else came up in its turn.
    if (end.kind === 'error') this.#plugins?.cancel(id)
    if (isBroken(end)) this.isBroken = true
    this.#send(toFrame(id, end))
  }
}
