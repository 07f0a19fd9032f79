import { HostFailure } from '@sallyport/sdk'
import type {
  HostCall,
  HostState,
  HostStats,
  InstanceSpec,
  PluginHost,
} from '../../kernel/plugin-host.ts'
import { runEffect } from '../effects.ts'
import { logLines } from '../host-options.ts'
import { IdTable } from '../id-table.ts'
import type { SandboxLimits } from '../limits.ts'
import { HostIsolates, type IsolateHostInit } from './host-isolates.ts'
import { IsolateCall } from './isolate-call.ts'
import type { PluginSet } from './plugin-set.ts'
import { TurnCalls } from './turn-calls.ts'
import { type CallsEnd, failureOf, isBroken, type TurnEnd } from './turn-end.ts'

/**
 * The `isolate` tier: isolated-vm in this process. It holds ordinary bugs, not malice: after a
 * time-out or memory event the isolate is thrown away, and `onPoisoned` tells whoever can move the
 * plugin to a process of its own and replace this one.
 */
export class IsolateHost implements PluginHost {
  readonly tier = 'isolate'
  readonly name: string
  readonly #init: IsolateHostInit
  readonly #limits: SandboxLimits
  #state: HostState = 'starting'
  readonly #isolates: HostIsolates
  #instances: readonly InstanceSpec[] = []
  /** Calls that wait. */
  readonly #calls = new IdTable<IsolateCall>()
  /** The calls whose turn it is: nearly all are over with it. */
  #current: readonly IsolateCall[] = []
  /** Calls of one turn of the event loop, when there are many. */
  readonly #together = new TurnCalls({
    pluginOf: (key) => this.#instances.find((instance) => instance.key === key)?.pluginName ?? '',
    cross: (calls, text) => this.#cross(calls, text),
    onEnd: (active, end) => {
      if (end.kind === 'waiting') void this.#wait(active)
      else this.#end(active, end)
    },
    onLost: (calls, end) => this.#onLost(calls, end),
  })
  readonly #queued: IsolateCall[] = []
  #last: Promise<unknown> = Promise.resolve()
  #nextId = 1
  #stats = { calls: 0, errors: 0, timeouts: 0, kills: 0 }

  constructor(init: IsolateHostInit) {
    this.name = init.name
    this.#init = init
    this.#limits = init.sandboxLimits
    this.#isolates = new HostIsolates(init, {
      takeId: () => this.#takeId(),
      effect: (id, callId, member, argsJson) => this.#onEffect(id, callId, member, argsJson),
      end: (callId, end) => this.#onEnd(callId, end),
    })
  }

  get state(): HostState {
    return this.#state
  }

  configure(instances: readonly InstanceSpec[]): Promise<void> {
    return this.#serialise(async () => {
      if (this.#state === 'closed') throw new Error(`${this.name}: it is closed`)
      try {
        await this.#boot(instances)
      } catch (error) {
        if (this.#state === 'starting') this.#state = 'failed'
        // The new configuration has ended the isolates of the one before.
        if (this.#isolates.plugins?.isBroken === true) {
          this.#onPoisoned(this.#instances[0]?.key ?? '', {
            kind: 'error',
            payload: (error as Error).message,
          })
        }
        throw new Error(`${this.name}: ${(error as Error).message}`, { cause: error })
      }
    })
  }

  call(call: HostCall): void | Promise<void> {
    this.#stats.calls++
    if (this.#state === 'ready') {
      const active = new IsolateCall(this.#takeId(), call, this.#limits)
      if (!this.#together.isNext) return this.#begin(active)
      this.#together.add(active)
      return active.hold()
    }
    if (this.#state !== 'starting' && this.#state !== 'recovering') {
      return this.#refuse(`it is ${this.#state}`)
    }
    if (this.#queued.length >= this.#limits.queuedCallsMax) return this.#refuse('its queue is full')
    return this.#queue(new IsolateCall(this.#takeId(), call, this.#limits))
  }

  stats(): HostStats {
    const queued = this.#queued.length + this.#together.size + this.#calls.size
    return { ...this.#stats, starts: this.#isolates.starts, queued }
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    const wasReady = this.#state === 'ready'
    this.#state = 'draining'
    this.#failAll('unavailable', 'it is closed')
    await this.#last
    if (wasReady) await this.#isolates.close()
    this.#state = 'closed'
    this.#isolates.discard()
  }

  #refuse(reason: string): Promise<void> {
    this.#stats.errors++
    return Promise.reject(new HostFailure('unavailable', `${this.name}: ${reason}`))
  }

  /** It waits for an isolate. */
  #queue(active: IsolateCall): Promise<void> {
    this.#queued.push(active)
    return active.wait(() => this.#forget(active))
  }

  #begin(active: IsolateCall): void | Promise<void> {
    const { call, id } = active
    const { instanceKey, phase } = call
    const guestCall = { id, instanceKey, phase, view: call.view() }
    this.#current = [active]
    const end = this.#isolates.plugins!.call(guestCall)
    this.#current = []
    if (end.kind === 'waiting') return this.#wait(active)
    if (end.kind === 'result' && !active.isWaitedFor) {
      active.apply(end.payload)
      return undefined
    }
    const promise = active.wait(() => this.#forget(active))
    this.#end(active, end)
    return promise
  }

  #cross(calls: readonly IsolateCall[], text: string): CallsEnd | null {
    if (this.#state !== 'ready') return null
    this.#current = calls
    try {
      return this.#isolates.plugins!.calls(text)
    } finally {
      this.#current = []
    }
  }

  #wait(active: IsolateCall): Promise<void> {
    this.#calls.set(active.id, active)
    return active.wait(() => this.#forget(active))
  }

  #end(active: IsolateCall, end: TurnEnd): void {
    this.#calls.delete(active.id)
    if (end.kind === 'result') return active.succeed(end.payload)
    const where = `${this.name}: ${active.call.phase}`
    if (end.kind === 'failed') {
      this.#stats.errors++
      const { message, decided, log } = failureOf(end.payload)
      logLines(log, this.name, { log: this.#init.log, limits: this.#limits })
      return active.fail('error', `${where}: ${message}`, decided)
    }
    if (end.kind === 'error') {
      this.#stats.errors++
      // An unhandled rejection of something came up in this turn.
      active.fail('error', `${where}: ${end.payload}`)
      return this.#cancel(active)
    }
    this.#stats.timeouts += end.kind === 'timeout' ? 1 : 0
    if (end.wasStarved === true && active.mayRepeat()) void this.#queue(active)
    else active.fail(end.kind === 'timeout' ? 'timeout' : 'killed', `${where}: ${end.payload}`)
    this.#onPoisoned(active.call.instanceKey, end)
  }

  /** Nobody knows which of them has broken the isolate, if it was one: the next isolate gets them one by one. */
  #onLost(calls: readonly IsolateCall[], end: TurnEnd | null): void {
    for (const active of calls) {
      if (this.#state !== 'ready' && this.#state !== 'recovering') {
        active.fail('unavailable', `${this.name}: it is ${this.#state}`)
        continue
      }
      // Who has asked for something is one of those that had begun.
      if (active.hasAsked) void this.#wait(active)
      else void this.#queue(active)
    }
    if (end !== null) this.#onPoisoned(calls[0]!.call.instanceKey, end)
  }

  /** The isolate is not used again; calls wait for the new one. */
  #onPoisoned(instanceKey: string, { payload: reason, wasStarved }: TurnEnd): void {
    if (this.#state !== 'ready') return
    this.#state = 'recovering'
    this.#stats.kills++
    this.#failAll('killed', reason, { begunOnly: true })
    this.#isolates.discard()
    const plugin = this.#instances.find(({ key }) => key === instanceKey)?.pluginName ?? ''
    if (wasStarved !== true) this.#init.onPoisoned?.({ host: this.name, plugin, reason })
    void this.#serialise(async () => {
      try {
        await this.#boot(this.#instances)
      } catch (error) {
        this.#state = 'failed'
        this.#failAll('unavailable', (error as Error).message)
      }
    })
  }

  async #boot(instances: readonly InstanceSpec[]): Promise<void> {
    const plugins = await this.#isolates.configure(instances)
    this.#instances = instances
    if (this.#state === 'draining' || this.#state === 'closed') return
    this.#state = 'ready'
    // One by one: one of them may end these as well.
    while (this.#queued.length > 0 && this.#isolates.plugins === plugins) {
      this.#beginAgain(this.#queued.shift()!)
    }
  }

  #beginAgain(active: IsolateCall): void {
    try {
      void this.#begin(active)
    } catch (error) {
      active.fail('error', `${this.name}: ${(error as Error).message}`)
    }
  }

  #onEnd(id: number, end: TurnEnd): void {
    const active = this.#find(id)
    if (active === null) return
    // Outside of the isolate's turn: what applies the result must not run within it. By then the isolate may
    // be gone, and the call with it.
    queueMicrotask(() => {
      if (this.#calls.get(id) === active) this.#end(active, end)
    })
  }

  #onEffect(id: number, callId: number, member: string, argsJson: string): void {
    const active = this.#find(callId)
    const plugins = this.#isolates.plugins
    if (active !== null) active.hasAsked = true
    // Outside of the isolate's turn, whose deadline is for the guest's own time.
    queueMicrotask(() => {
      try {
        const leftMs = active === null ? this.#limits.configureMs : active.leftMs
        const call = active?.call ?? null
        const answer = runEffect({ call, member, argsJson, leftMs, limits: this.#limits })
        void answer.then(({ ok, value }) => this.#answerEffect(plugins, id, ok, value))
      } catch (error) {
        if (active !== null) this.#refuseEffect(active, error as Error)
      }
    })
  }

  #refuseEffect(active: IsolateCall, { message }: Error): void {
    active.fail('refused', `${this.name}: ${message}`)
    if (this.#calls.delete(active.id)) this.#cancel(active)
  }

  #find(id: number): IsolateCall | null {
    return this.#current.find((one) => one.id === id) ?? this.#calls.get(id) ?? null
  }

  #answerEffect(plugins: PluginSet | null, id: number, ok: boolean, value: string): void {
    if (plugins === null || plugins !== this.#isolates.plugins) return
    const done = plugins.effectResult(id, ok, value)
    if (done === null || done.end.kind === 'waiting') return
    this.#finish(done.callId, done.end)
  }

  #finish(id: number, end: TurnEnd): void {
    const active = this.#calls.get(id)
    if (active !== undefined) this.#end(active, end)
    else this.#isolates.endWork(id, end)
  }

  /** A call that ended by its deadline: the guest is told that nobody waits any more. */
  #forget(active: IsolateCall): void {
    const at = this.#queued.indexOf(active)
    if (at !== -1) this.#queued.splice(at, 1)
    this.#stats.timeouts++
    if (this.#calls.delete(active.id)) this.#cancel(active)
  }

  /** The guest may still hold the call. */
  #cancel({ id, call }: IsolateCall): void {
    const end = this.#isolates.plugins?.cancel(id)
    if (end !== undefined && isBroken(end)) this.#onPoisoned(call.instanceKey, end)
  }

  #failAll(
    kind: 'killed' | 'unavailable',
    reason: string,
    { begunOnly } = { begunOnly: false },
  ): void {
    const notBegun = begunOnly ? [] : [...this.#queued.splice(0), ...this.#together.take()]
    const all = [...this.#calls.values(), ...notBegun]
    for (const active of all) this.#calls.delete(active.id)
    for (const active of all) active.fail(kind, `${this.name}: ${reason}`)
  }

  #serialise<T>(work: () => Promise<T>): Promise<T> {
    const result = this.#last.then(work)
    this.#last = result.catch(() => undefined)
    return result
  }

  #takeId(): number {
    this.#nextId = this.#nextId >= 0xffff_ffff ? 1 : this.#nextId + 1
    return this.#nextId
  }
}
