import type { InstanceSpec, PluginCode } from '../../kernel/plugin-host.ts'
import { type GuestLibrary, makeGuestLibrary } from '../guest-library.ts'
import { type IsolateHostOptions, logLines, toGuestOptions } from '../host-options.ts'
import type { SandboxLimits } from '../limits.ts'
import { findIsolatedVm, type IsolatedVm, loadIsolatedVm } from './load-isolated-vm.ts'
import { createNative } from './native.ts'
import { OpenWorks } from './open-works.ts'
import type { GuestSink } from './plugin-isolate.ts'
import { PluginSet } from './plugin-set.ts'
import { reasonOf, type TurnEnd } from './turn-end.ts'

export interface IsolateHostInit extends IsolateHostOptions {
  readonly name: string
  readonly plugins: readonly PluginCode[]
  readonly sandboxLimits: SandboxLimits
}

export interface HostIsolatesPort extends GuestSink {
  /** For work outside of a call: no call has the same. */
  readonly takeId: () => number
}

/** A quarter of the deadline; without a grid, a turn cost as much again as crossing does. */
const TURN_GRID_MS = 5

/** The isolates of a host, one a plugin: made when they are wanted first, and anew after they were discarded. */
export class HostIsolates {
  readonly #init: IsolateHostInit
  readonly #limits: SandboxLimits
  readonly #port: HostIsolatesPort
  readonly #work = new OpenWorks()
  readonly #loaded = new Set<string>()
  #isolatedVm: IsolatedVm | null = null
  #library: GuestLibrary | null = null
  #plugins: PluginSet | null = null
  /** How often they were made. */
  starts = 0

  constructor(init: IsolateHostInit, port: HostIsolatesPort) {
    this.#init = init
    this.#limits = init.sandboxLimits
    this.#port = port
  }

  get plugins(): PluginSet | null {
    return this.#plugins
  }

  /** Loads what is not there yet. Rejects with what is wrong with a plugin. */
  async configure(instances: readonly InstanceSpec[]): Promise<PluginSet> {
    this.#isolatedVm ??= loadIsolatedVm(findIsolatedVm())
    this.#library ??= await makeGuestLibrary()
    if (this.#plugins === null) {
      this.#loaded.clear()
      this.starts++
    }
    const plugins = (this.#plugins ??= this.#makeSet(this.#isolatedVm, this.#library))
    for (const name of new Set(instances.map(({ pluginName }) => pluginName))) {
      if (!this.#loaded.has(name)) this.#load(plugins, name)
    }
    const json = JSON.stringify(instances)
    const result = await this.#do((id) => plugins.configure(id, json))
    this.#log((JSON.parse(result) as { log?: unknown }).log)
    return plugins
  }

  /** Lets the plugins end what they have begun, for as long as that may take. */
  async close(): Promise<void> {
    const plugins = this.#plugins
    if (plugins !== null) await this.#do((id) => plugins.close(id)).catch(() => undefined)
  }

  /** False when it is the end of nothing that was begun here. */
  endWork(id: number, end: TurnEnd): boolean {
    return this.#work.end(id, end)
  }

  discard(): void {
    this.#plugins?.dispose()
    this.#plugins = null
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
        effect: (id, callId, member, argsJson) => this.#port.effect(id, callId, member, argsJson),
        end: (id, end) => {
          if (!this.endWork(id, end)) this.#port.end(id, end)
        },
      },
    })
  }

  /** Work outside of a call: resolves with its result. */
  #do(work: (id: number) => TurnEnd): Promise<string> {
    return this.#work.begin(this.#port.takeId(), this.#limits.configureMs, work)
  }

  #log(lines: unknown): void {
    logLines(lines, this.#init.name, { log: this.#init.log, limits: this.#limits })
  }
}
