import type { GatewayMessage, HostMessage } from '@sallyport/sdk/protocol'
import type { GuestOptions } from '@sallyport/sdk/guest'
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
type Send = (message: HostMessage) => void

const STARTED_WITHOUT_LOAD = 'nothing is loaded'

/** Does the work of a sandbox host: each piece ends with exactly one frame, which is sent last. */
export class ChildService {
  readonly #isolatedVm: IsolatedVm
  readonly #send: Send
  #plugins: PluginSet | null = null
  /** The work at hand, and its end when it came while the turn was running. */
  #workId = -1
  /** Set when an isolate was stopped from outside: no further work can be done. */
  isBroken = false
  #workEnd: HostMessage | null = null

  constructor(isolatedVm: IsolatedVm, send: Send) {
    this.#isolatedVm = isolatedVm
    this.#send = send
  }

  work(message: Work): void {
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
      case 'call':
        this.#turn(message.id, (plugins) =>
          plugins.call(message.id, message.instanceKey, message.phase, message.view as string),
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
        effect: (id, call, member, args) => this.#send({ name: 'effect', id, call, member, args }),
        end: (id, kind, payload) => {
          const frame = toFrame(id, { kind, payload })
          if (id === this.#workId) this.#workEnd = frame
          else this.#send(frame)
        },
      },
    })
  }

  #turn(id: number, run: (plugins: PluginSet) => TurnEnd): void {
    if (this.#plugins === null) {
      this.#answer(id, { kind: 'error', payload: STARTED_WITHOUT_LOAD })
      return
    }
    this.#workId = id
    this.#workEnd = null
    const end = run(this.#plugins)
    this.#workId = -1
    if (end.kind !== 'waiting') this.#answer(id, end)
    else this.#send(this.#workEnd ?? { name: 'ack', id })
  }

  #effectResult(id: number, ok: boolean, value: string): void {
    const done = this.#plugins?.effectResult(id, ok, value) ?? null
    if (done !== null && done.end.kind !== 'waiting') this.#answer(done.callId, done.end)
    if (this.isBroken) return
    this.#send({ name: 'ack', id })
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
