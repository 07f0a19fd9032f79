import {
  type GatewayMessage,
  type HostMessage,
  type Message,
  ProtocolError,
} from '@sallyport/sdk/protocol'
import type { GuestCall, GuestOptions } from '@sallyport/sdk/guest'
import type { IsolatedVm } from '../isolate/load-isolated-vm.ts'
import { createNative } from '../isolate/native.ts'
import type { TurnEnd } from '../isolate/plugin-isolate.ts'
import { PluginSet } from '../isolate/plugin-set.ts'

/** What `load` says beside the source. */
export interface LoadOptions {
  readonly guest: GuestOptions
  readonly isolateBytesMax: number
  readonly loadMs: number
  readonly turnMs: number
}

type Work = Exclude<GatewayMessage, { name: 'hello' }>
type Call = Extract<Work, { name: 'call' }>
type Follow = Extract<Work, { name: 'follow' }>

/** Frames leave when they are flushed, in the order in which they were sent. */
export interface ChildPort {
  send(message: HostMessage): void
  flush(): void
}

/** So many calls are answered together at most; who is to blame for an end is not known among them. */
const CALLS_MAX = 16
const NOTHING: readonly never[] = []
/** So long, in milliseconds, ends are held back while more of the same handlers are done. */
const HELD_MS = 2

const NOTHING_LOADED: TurnEnd = { kind: 'error', payload: 'nothing is loaded' }

/**
 * Does the work of a sandbox host: each piece ends with exactly one frame, which is sent last. Calls that
 * lie one behind the other and are for the same isolate cross into it together.
 */
export class ChildService {
  readonly #isolatedVm: IsolatedVm
  readonly #port: ChildPort
  #plugins: PluginSet | null = null
  /** Calls that have not begun. */
  #calls: Call[] = []
  /** The work whose turn it is. */
  #doing: readonly { readonly id: number }[] = NOTHING
  /** What of it has asked for something. */
  #asked: Message<'effect'>[] = []
  /** What of it waited and came to its end while the turn was running. */
  readonly #turnEnds = new Map<number, TurnEnd>()
  /** What a `follow` goes on with; null when the last call has not ended so that one could. */
  #trail: { readonly phase: string; readonly view: string; readonly results: string[] } | null =
    null
  #heldSinceMs: number | null = null
  /** Set when an isolate was stopped from outside: no further work can be done. */
  isBroken = false

  constructor(isolatedVm: IsolatedVm, port: ChildPort) {
    this.#isolatedVm = isolatedVm
    this.#port = port
  }

  /** Takes a piece of work. A call may wait for those that come with it, until `doCalls`. */
  work(message: Work): void {
    if (message.name === 'call') {
      if (!this.#fits(message)) this.doCalls()
      if (!this.isBroken) this.#calls.push(message)
      return
    }
    if (message.name === 'follow') {
      while (this.#calls.length > 0 && !this.isBroken) this.#inTime(() => this.#doSome())
      if (!this.isBroken) this.#inTime(() => this.#follow(message))
      return
    }
    this.doCalls()
    if (this.isBroken) return
    this.#work(message)
    this.#flush()
  }

  /** Does the calls that were taken, and lets all ends go. */
  doCalls(): void {
    while (this.#calls.length > 0 && !this.isBroken) {
      this.#doSome()
      this.#flush()
    }
    this.#flush()
  }

  #flush(): void {
    this.#port.flush()
    this.#heldSinceMs = null
  }

  /** What ends are held back is charged to the first of them: not for long, and no second handler. */
  #inTime(work: () => void): void {
    this.#heldSinceMs ??= Date.now()
    work()
    if (this.isBroken || Date.now() - this.#heldSinceMs >= HELD_MS) this.#flush()
  }

  #fits({ instanceKey }: Call): boolean {
    const [first] = this.#calls
    if (first === undefined) return true
    if (this.#calls.length === CALLS_MAX || this.#plugins === null) return false
    return this.#plugins.isolateOf(instanceKey) === this.#plugins.isolateOf(first.instanceKey)
  }

  #doSome(): void {
    const calls = this.#calls
    if (this.#plugins === null) {
      for (const { id } of calls) this.#answer(id, NOTHING_LOADED)
      this.#calls = []
      return
    }
    this.#doing = calls
    const ends = this.#plugins.calls(calls)
    if (ends.length > calls.length) throw new ProtocolError('a view has lines of other calls')
    this.#calls = calls.slice(ends.length)
    // Which of them was it? The gateway gives them to another host one by one, and sees.
    if (calls.length > 1 && isBroken(ends[0]!)) {
      this.isBroken = true
      return
    }
    for (let i = 0; i < ends.length; i++) {
      const { id, phase, view } = calls[i]!
      const result = this.#endTurn(id, ends[i]!)
      this.#trail = result === null ? null : { phase, view: view as string, results: [result] }
    }
    this.#doing = NOTHING
  }

  /** One more call in the view of the last one, if that has left it so. */
  #follow({ id, instanceKey, plugin }: Follow): void {
    const trail = this.#trail
    if (trail === null || this.#plugins === null) {
      this.#trail = null
      this.#send(toSkipped(id))
      return
    }
    const { phase, view, results } = trail
    const before = `{"results":[${results.join(',')}],"plugin":${plugin as string}}`
    const call: GuestCall = { id, instanceKey, phase, view, before }
    this.#doing = [call]
    const [end] = this.#plugins.calls([call]) as [TurnEnd]
    const result = this.#endTurn(id, end)
    this.#doing = NOTHING
    if (result === null) this.#trail = null
    else results.push(result)
  }

  #work(message: Exclude<Work, Call | Follow>): void {
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
    this.#doing = [{ id }]
    this.#endTurn(id, run(this.#plugins))
    this.#doing = NOTHING
  }

  #isDoing(id: number): boolean {
    for (let i = 0; i < this.#doing.length; i++) if (this.#doing[i]!.id === id) return true
    return false
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

function isBroken(end: TurnEnd): boolean {
  return end.kind === 'timeout' || end.kind === 'memory'
}

function toFrame(id: number, { kind, payload }: TurnEnd): HostMessage {
  if (kind === 'result') return { name: 'result', id, payload }
  if (kind === 'failed') {
    const { message, decided, log } = JSON.parse(payload) as Record<string, unknown>
    return {
      name: 'failed',
      id,
      kind: 'error',
      message: String(message),
      decided: decided === true,
      log: JSON.stringify(log ?? []),
    }
  }
  const failedKind = kind === 'timeout' || kind === 'memory' ? kind : 'error'
  return { name: 'failed', id, kind: failedKind, message: payload, decided: false, log: '[]' }
}

function toSkipped(id: number): HostMessage {
  const message = 'what it follows has not left its view to others'
  return { name: 'failed', id, kind: 'skipped', message, decided: false, log: '[]' }
}
