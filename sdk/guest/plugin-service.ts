import type { Plugin } from '../plugin.ts'
import { type GatewayMessage, type HostMessage, ProtocolError } from '../protocol.ts'
import { FAILED_MARK, isFailure, payloadOf, toCallText, toFailed } from './call-text.ts'
import { Dispatcher } from './dispatcher.ts'
import type { GuestOptions, GuestPort } from './options.ts'
import { jsonParse, jsonStringify } from './primordials.ts'

type Work = Exclude<GatewayMessage, { name: 'hello' }>

/** `native` is made of the addresses of the proxies that the gateway trusts. */
export interface PluginServiceOptions {
  readonly plugin: Plugin
  /** What this process has burnt since it was started, and what it uses now. */
  readonly usage: () => { readonly cpuUs: number; readonly heapBytes: number }
  readonly send: (message: HostMessage) => void
  readonly toNative: (trustedIps: readonly string[]) => GuestPort['native']
}

/**
 * Does the work of one connection for one plugin that runs as plain functions of this process. Payloads
 * are JSON. Each piece of work ends with exactly one frame in the turn that began it; what waits goes on
 * whenever its promise does, which a host of its own may do at any time.
 */
export class PluginService {
  readonly #options: PluginServiceOptions
  #dispatcher: Dispatcher | null = null
  /** Calls and other work that wait. */
  readonly #waiting = new Set<number>()
  /** Work whose result puts the staged instances in force. */
  readonly #configuring = new Set<number>()
  #isConfigured = false

  constructor(options: PluginServiceOptions) {
    this.#options = options
  }

  work(message: Work): void {
    const { id } = message
    switch (message.name) {
      case 'load':
        this.#end(id, this.#load(message.plugin, message.options as string))
        return
      case 'configure':
        this.#configuring.add(id)
        this.#turn(id, (dispatcher) => dispatcher.configure(id, message.instances as string))
        return
      case 'call':
        this.#turn(id, (dispatcher) => dispatcher.calls(toCallText(message)))
        return
      case 'calls':
        throw new ProtocolError('calls is for hosts that a gateway has started itself')
      case 'follow':
        this.#options.send({
          name: 'failed',
          id,
          kind: 'skipped',
          message: 'each call is to come with its view',
          decided: false,
          log: '[]',
        })
        return
      case 'effectResult':
        this.#dispatcher?.effect(id, message.ok, message.value as string)
        this.#options.send({ name: 'ack', id })
        return
      case 'cancel':
        this.#forget(message.call)
        this.#options.send({ name: 'ack', id })
        return
      case 'close':
        this.#isConfigured = false
        this.#turn(id, (dispatcher) => dispatcher.close(id))
        return
      case 'stats':
        this.#options.send({ name: 'result', id, payload: this.#stats() })
        return
      case 'ping':
        this.#options.send({ name: 'ack', id })
    }
  }

  /** The connection is gone: nobody waits for anything any more, and nobody has said `close`. */
  end(): void {
    for (const id of this.#waiting) this.#forget(id)
    if (this.#isConfigured) this.#dispatcher?.close(0)
    this.#isConfigured = false
  }

  /** The process serves one plugin: what it uses, the plugin does. */
  #stats(): string {
    const { plugin, usage } = this.#options
    return jsonStringify([{ plugin: plugin.name, ...usage() }])
  }

  #load(name: string, optionsJson: string): string {
    const { plugin, toNative } = this.#options
    if (name !== '' && name !== plugin.name) {
      return toFailed(`this program serves the plugin "${plugin.name}", not "${name}"`)
    }
    const { guest } = jsonParse(optionsJson) as { guest: GuestOptions }
    const port: GuestPort = {
      post: (kind, id, ...rest) => this.#post(kind, id, rest),
      // Both are for globals of an isolate; a program of its own has Node's.
      random: () => '',
      native: toNative(guest.trustedIps),
    }
    this.#dispatcher = new Dispatcher(port, guest)
    this.#dispatcher.accept({ default: plugin })
    return this.#dispatcher.describe()
  }

  #turn(id: number, run: (dispatcher: Dispatcher) => string): void {
    if (this.#dispatcher === null) {
      this.#end(id, toFailed('nothing is loaded'))
      return
    }
    // Put there first: whoever is asked for an effect within the turn may not find it otherwise.
    this.#waiting.add(id)
    const answer = run(this.#dispatcher)
    if (answer === '') this.#options.send({ name: 'ack', id })
    else this.#end(id, answer)
  }

  #post(kind: string, id: number, rest: readonly (number | string)[]): void {
    if (kind === 'result' || kind === 'final' || kind === 'failed') {
      if (this.#waiting.has(id))
        this.#end(id, (kind === 'failed' ? FAILED_MARK : '') + String(rest[0]))
      return
    }
    const [call, member, args] = rest
    this.#options.send({
      name: 'effect',
      id,
      call: Number(call),
      member: String(member),
      args: String(args),
    })
  }

  #end(id: number, answer: string): void {
    this.#waiting.delete(id)
    const payload = payloadOf(answer)
    const isResult = !isFailure(answer)
    if (this.#configuring.delete(id) && isResult) {
      this.#dispatcher!.commit()
      this.#isConfigured = true
    }
    if (isResult) {
      this.#options.send({ name: 'result', id, payload })
      return
    }
    const { message, decided, log } = jsonParse(payload) as Record<string, unknown>
    this.#options.send({
      name: 'failed',
      id,
      kind: 'error',
      message: String(message),
      decided: decided === true,
      log: jsonStringify(log ?? []),
    })
  }

  #forget(id: number): void {
    this.#waiting.delete(id)
    this.#configuring.delete(id)
    this.#dispatcher?.cancel(id)
  }
}
