import { HostFailure } from '@sallyport/sdk'
import type {
  HostCall,
  HostState,
  HostStats,
  InstanceSpec,
  PluginCode,
  PluginHost,
} from '../../kernel/plugin-host.ts'
import { runEffect } from '../effects.ts'
import { IdTable } from '../id-table.ts'
import { type GuestLibrary, makeGuestLibrary } from '../guest-library.ts'
import { type IsolateHostOptions, logLines, toGuestOptions } from '../host-options.ts'
import type { SandboxLimits } from '../limits.ts'
import { IsolateCall } from './isolate-call.ts'
import { findIsolatedVm, type IsolatedVm, loadIsolatedVm } from './load-isolated-vm.ts'
import { createNative } from './native.ts'
import { OpenWorks } from './open-works.ts'
import { reasonOf, type TurnEnd } from './turn-end.ts'
import { PluginSet } from './plugin-set.ts'

export interface IsolateHostInit extends IsolateHostOptions {
  readonly name: string
  readonly plugins: readonly PluginCode[]
  readonly sandboxLimits: SandboxLimits
}

/** A quarter of the deadline; without a grid, a turn cost as much again as crossing does. */
const TURN_GRID_MS = 5

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
  #plugins: PluginSet | null = null
  readonly #loaded = new Set<string>()
  #instances: readonly InstanceSpec[] = []
  #isolatedVm: IsolatedVm | null = null
  #library: GuestLibrary | null = null
  /** Calls that wait. */
  readonly #calls = new IdTable<IsolateCall>()
  /** The call whose turn it is: nearly all are over with it. */
  #current: IsolateCall | null = null
  readonly #work = new OpenWorks()
  readonly #queued: IsolateCall[] = []
  #last: Promise<unknown> = Promise.resolve()
  #nextId = 1
  #stats = { calls: 0, errors: 0, timeouts: 0, kills: 0, starts: 0 }

  constructor(init: IsolateHostInit) {
    this.name = init.name
    this.#init = init
    this.#limits = init.sandboxLimits
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
        throw new Error(`${this.name}: ${(error as Error).message}`, { cause: error })
      }
    })
  }

  call(call: HostCall): void | Promise<void> {
    this.#stats.calls++
    if (this.#state === 'ready') {
      const active = new IsolateCall(this.#takeId(), call, this.#limits)
      return this.#begin(active)
    }
    if (this.#state !== 'starting' && this.#state !== 'recovering') {
      return this.#refuse(`it is ${this.#state}`)
    }
    if (this.#queued.length >= this.#limits.queuedCallsMax) return this.#refuse('its queue is full')
    const active = new IsolateCall(this.#takeId(), call, this.#limits)
    this.#queued.push(active)
    return active.wait(() => this.#forget(active))
  }

  stats(): HostStats {
    return { ...this.#stats, queued: this.#queued.length + this.#calls.size }
  }

  async close(): Promise<void> {
    if (this.#state === 'closed') return
    const wasReady = this.#state === 'ready'
    this.#state = 'draining'
    this.#failAll('unavailable', 'it is closed')
    await this.#last
    const plugins = this.#plugins
    if (wasReady && plugins !== null) {
      await this.#do((id) => plugins.close(id)).catch(() => undefined)
    }
    this.#state = 'closed'
    plugins?.dispose()
    this.#plugins = null
  }

  #refuse(reason: string): Promise<void> {
    this.#stats.errors++
    return Promise.reject(new HostFailure('unavailable', `${this.name}: ${reason}`))
  }

  #begin(active: IsolateCall): void | Promise<void> {
    const { call, id } = active
    this.#current = active
    const { instanceKey, phase } = call
    const end = this.#plugins!.call({ id, instanceKey, phase, view: call.view() })
    this.#current = null
    if (end.kind === 'waiting') {
      this.#calls.set(id, active)
      return active.wait(() => this.#forget(active))
    }
    if (end.kind === 'result' && !active.isWaitedFor) {
      active.apply(end.payload)
      return undefined
    }
    const promise = active.wait(() => this.#forget(active))
    this.#end(active, end)
    return promise
  }

  #end(active: IsolateCall, end: TurnEnd): void {
    this.#calls.delete(active.id)
    if (end.kind === 'result') return active.succeed(end.payload)
    const where = `${this.name}: ${active.call.phase}`
    if (end.kind === 'failed') {
      this.#stats.errors++
      const { message, decided, log } = JSON.parse(end.payload) as Record<string, unknown>
      logLines(log, this.name, { log: this.#init.log, limits: this.#limits })
      return active.fail('error', `${where}: ${String(message)}`, decided === true)
    }
    if (end.kind === 'error') {
      this.#stats.errors++
      // An unhandled rejection of something came up in this turn; the guest may still hold the call.
      this.#plugins?.cancel(active.id)
      return active.fail('error', `${where}: ${end.payload}`)
    }
    this.#stats.timeouts += end.kind === 'timeout' ? 1 : 0
    active.fail(end.kind === 'timeout' ? 'timeout' : 'killed', `${where}: ${end.payload}`)
    this.#onPoisoned(active.call.instanceKey, end)
  }

  /** The isolate is not used again; calls wait for the new one. */
  #onPoisoned(instanceKey: string, { payload: reason, wasStarved }: TurnEnd): void {
    if (this.#state !== 'ready') return
    this.#state = 'recovering'
    this.#stats.kills++
    this.#failAll('killed', reason, { begunOnly: true })
    this.#plugins?.dispose()
    this.#plugins = null
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
    this.#isolatedVm ??= loadIsolatedVm(findIsolatedVm())
    this.#library ??= await makeGuestLibrary()
    if (this.#plugins === null) {
      this.#loaded.clear()
      this.#stats.starts++
    }
    const plugins = (this.#plugins ??= this.#makeSet(this.#isolatedVm, this.#library))
    for (const name of new Set(instances.map(({ pluginName }) => pluginName))) {
      if (!this.#loaded.has(name)) this.#load(plugins, name)
    }
    const json = JSON.stringify(instances)
    const result = await this.#do((id) => plugins.configure(id, json))
    this.#log((JSON.parse(result) as { log?: unknown }).log)
    this.#instances = instances
    if (this.#state === 'draining' || this.#state === 'closed') return
    this.#state = 'ready'
    for (const active of this.#queued.splice(0)) void this.#begin(active)
  }

  #load(plugins: PluginSet, name: string): void {
    const code = this.#init.plugins.find(({ manifest }) => manifest.name === name)
    if (code === undefined || code.source === null) {
      throw new Error(`plugin "${name}" has no source that a sandbox could run`)
    }
    const end = plugins.load(name, code.source)
    if (end.kind !== 'result') throw new Error(`plugin "${name}": ${reasonOf(end)}`)
    this.#loaded.add(name)
    this.#log((JSON.parse(end.payload) as { log?: unknown }).log)
  }

  #makeSet(isolatedVm: IsolatedVm, library: GuestLibrary): PluginSet {
    const { isolateBytesMax, loadMs, isolateHandlerMs } = this.#limits
    return new PluginSet({
      isolatedVm,
      ...library,
      native: createNative(this.#init.trustedIps ?? []),
      guestOptions: JSON.stringify(toGuestOptions(this.#limits, this.#init)),
      isolateBytesMax,
      loadMs,
      turnMs: isolateHandlerMs,
      turnGridMs: TURN_GRID_MS,
      tellsStarved: true,
      sink: {
        effect: (id, callId, member, argsJson) => this.#onEffect(id, callId, member, argsJson),
        end: (callId, end) => this.#onEnd(callId, end),
      },
    })
  }

  #onEnd(id: number, end: TurnEnd): void {
    if (this.#work.end(id, end)) return
    const active = this.#find(id)
    if (active === null) return
    // Outside of the isolate's turn: what applies the result must not run within it.
    queueMicrotask(() => this.#end(active, end))
  }

  #onEffect(id: number, callId: number, member: string, argsJson: string): void {
    const active = this.#find(callId)
    const plugins = this.#plugins
    // Outside of the isolate's turn, whose deadline is for the guest's own time.
    queueMicrotask(() => {
      try {
        const leftMs = active === null ? this.#limits.configureMs : active.leftMs
        const call = active?.call ?? null
        const answer = runEffect({ call, member, argsJson, leftMs, limits: this.#limits })
        void answer.then(({ ok, value }) => this.#answerEffect(plugins, id, ok, value))
      } catch (error) {
        active?.fail('refused', `${this.name}: ${(error as Error).message}`)
      }
    })
  }

  #find(id: number): IsolateCall | null {
    return this.#current?.id === id ? this.#current : (this.#calls.get(id) ?? null)
  }

  #answerEffect(plugins: PluginSet | null, id: number, ok: boolean, value: string): void {
    if (plugins === null || plugins !== this.#plugins) return
    const done = plugins.effectResult(id, ok, value)
    if (done === null || done.end.kind === 'waiting') return
    this.#finish(done.callId, done.end)
  }

  #finish(id: number, end: TurnEnd): void {
    const active = this.#calls.get(id)
    if (active !== undefined) this.#end(active, end)
    else this.#onEnd(id, end)
  }

  /** Work outside of a call: resolves with its result. */
  #do(work: (id: number) => TurnEnd): Promise<string> {
    return this.#work.begin(this.#takeId(), this.#limits.configureMs, work)
  }

  /** A call that ended by its deadline: the guest is told that nobody waits any more. */
  #forget(active: IsolateCall): void {
    const at = this.#queued.indexOf(active)
    if (at !== -1) this.#queued.splice(at, 1)
    this.#stats.timeouts++
    if (!this.#calls.delete(active.id)) return
    const end = this.#plugins?.cancel(active.id)
    if (end?.kind === 'timeout' || end?.kind === 'memory') {
      this.#onPoisoned(active.call.instanceKey, end)
    }
  }

  #failAll(
    kind: 'killed' | 'unavailable',
    reason: string,
    { begunOnly } = { begunOnly: false },
  ): void {
    const all = [...this.#calls.values(), ...(begunOnly ? [] : this.#queued.splice(0))]
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

  #log(lines: unknown): void {
    logLines(lines, this.name, { log: this.#init.log, limits: this.#limits })
  }
}
