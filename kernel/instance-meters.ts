import { HOST_FAILURES, type HostFailure, type HostFailureKind } from '@sallyport/sdk'

const KINDS = Object.keys(HOST_FAILURES) as HostFailureKind[]

/** What is counted of a plugin instance, since its worker has it. */
export interface InstanceCounts {
  /** The entity's id. */
  readonly id: string
  readonly plugin: string
  readonly tenant: string | null
  readonly calls: number
  /** Calls that failed, by kind. */
  readonly failures: Readonly<Record<HostFailureKind, number>>
  /** Milliseconds for which requests waited for its handlers; those that end at once are not timed. */
  readonly waitedMs: number
}

/** Counts the calls of one plugin instance. */
export class InstanceMeter {
  readonly id: string
  readonly plugin: string
  readonly tenant: string | null
  calls = 0
  waitedMs = 0
  readonly #failures = Object.fromEntries(KINDS.map((kind) => [kind, 0])) as Record<
    HostFailureKind,
    number
  >

  constructor({ id, pluginName, tenant }: MeteredInstance) {
    this.id = id
    this.plugin = pluginName
    this.tenant = tenant
  }

  onFailure({ kind }: HostFailure): void {
    this.#failures[kind]++
  }

  counts(): InstanceCounts {
    const { id, plugin, tenant, calls, waitedMs } = this
    return { id, plugin, tenant, calls, failures: { ...this.#failures }, waitedMs }
  }
}

export interface MeteredInstance {
  readonly id: string
  readonly pluginName: string
  readonly tenant: string | null
}

/** The meters of a worker. An instance keeps its own over all its configurations. */
export class InstanceMeters {
  readonly #meters = new Map<string, InstanceMeter>()

  of(instance: MeteredInstance): InstanceMeter {
    let meter = this.#meters.get(instance.id)
    if (meter === undefined || meter.tenant !== instance.tenant) {
      this.#meters.set(instance.id, (meter = new InstanceMeter(instance)))
    }
    return meter
  }

  /** Forgets all others. */
  keep(ids: ReadonlySet<string>): void {
    for (const id of this.#meters.keys()) if (!ids.has(id)) this.#meters.delete(id)
  }

  counts(): InstanceCounts[] {
    return [...this.#meters.values()].map((meter) => meter.counts())
  }
}
