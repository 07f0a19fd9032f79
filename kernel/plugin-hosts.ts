import type { LimitChanges } from '@sallyport/sdk/limits'
import { type InstanceMeter, InstanceMeters } from './instance-meters.ts'
import type {
  HostFactory,
  InstanceSpec,
  PluginCode,
  PluginHost,
  SpareStatus,
  Tier,
} from './plugin-host.ts'

export interface LeasedInstance extends InstanceSpec {
  readonly tenant: string | null
  /** What its tenant has lowered of the limits. */
  readonly lowered: LimitChanges
}

/** The hosts of a snapshot's instances. They stay callable until the lease is released. */
export interface HostLease {
  hostOf(instanceKey: string): PluginHost
  meterOf(instance: LeasedInstance): InstanceMeter
  release(): Promise<void>
}

interface HostEntry {
  readonly host: PluginHost
  readonly instances: Map<string, { readonly spec: LeasedInstance; leases: number }>
}

/**
 * Owns the plugin hosts of a worker. Snapshots overlap: the instances of the old one stay callable
 * until its last request is over, beside those of the new one. A host without instances is closed.
 */
export class PluginHosts {
  readonly #plugins: ReadonlyMap<string, PluginCode>
  readonly #factories: { readonly [T in Tier]?: HostFactory }
  readonly #onProblem: (error: Error) => void
  /** By name, and by what a tenant has lowered: a host keeps the limits that it was made with. */
  readonly #entries = new Map<string, HostEntry>()
  readonly meters = new InstanceMeters()
  /** Changes are made one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  /** `onProblem` is told what went wrong in putting away: there is nobody else who waits for it. */
  constructor(
    plugins: ReadonlyMap<string, PluginCode>,
    factories: { readonly [T in Tier]?: HostFactory },
    onProblem: (error: Error) => void,
  ) {
    this.#plugins = plugins
    this.#factories = factories
    this.#onProblem = onProblem
  }

  /** Of a tenant whose limits were changed the newest: the one before ends with its requests. */
  get hosts(): readonly PluginHost[] {
    const byName = new Map([...this.#entries.values()].map(({ host }) => [host.name, host]))
    return [...byName.values()]
  }

  get spares(): readonly SpareStatus[] {
    return Object.values(this.#factories).flatMap((factory) => factory.spares?.() ?? [])
  }

  /** Rejects when one of the instances cannot be made; what was callable before stays so. */
  lease(instances: readonly LeasedInstance[]): Promise<HostLease> {
    return this.#serialise(async () => {
      const hostNames = new Map<string, string>()
      const release = () => this.#serialise(() => this.#remove(instances, hostNames))
      try {
        for (const spec of instances) hostNames.set(spec.key, this.#add(spec))
        await this.#configure(new Set(hostNames.values()))
      } catch (error) {
        await this.#remove(instances, hostNames)
        throw error
      }
      return {
        hostOf: (key: string) => this.#entries.get(hostNames.get(key)!)!.host,
        meterOf: (instance: LeasedInstance) => this.meters.of(instance),
        release,
      }
    })
  }

  async close(): Promise<void> {
    await this.#serialise(async () => {
      const entries = [...this.#entries.values()]
      this.#entries.clear()
      await this.#putAway(entries.map((entry) => entry.host.close()))
    })
  }

  #serialise<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#last.then(change)
    this.#last = result.catch(() => undefined)
    return result
  }

  #add(spec: LeasedInstance): string {
    const { name, tier, lowered } = this.#placeOf(spec)
    const place = lowered === '{}' ? name : `${name} ${lowered}`
    let entry = this.#entries.get(place)
    if (entry === undefined) {
      entry = { host: this.#makeHost(name, tier, spec), instances: new Map() }
      this.#entries.set(place, entry)
    }
    const instance = entry.instances.get(spec.key)
    if (instance === undefined) entry.instances.set(spec.key, { spec, leases: 1 })
    else instance.leases++
    return place
  }

  /**
   * One child process a tenant, or a plugin that no tenant owns. A tenant's instance never runs in
   * the `isolate` tier: what it protects from is not malice.
   */
  #placeOf(spec: LeasedInstance): { name: string; tier: Tier; lowered: string } {
    const { tier } = this.#codeOf(spec.pluginName)
    if (tier === 'inline') return { name: 'inline', tier, lowered: '{}' }
    if (spec.tenant !== null && tier !== 'remote') {
      const lowered = JSON.stringify(spec.lowered)
      return { name: `tenant:${spec.tenant}`, tier: 'process', lowered }
    }
    return { name: `plugin:${spec.pluginName}`, tier, lowered: '{}' }
  }

  #codeOf(pluginName: string): PluginCode {
    const code = this.#plugins.get(pluginName)
    if (code === undefined) throw new Error(`plugin "${pluginName}" is not loaded`)
    return code
  }

  #makeHost(name: string, tier: Tier, { pluginName, tenant, lowered }: LeasedInstance): PluginHost {
    const factory = this.#factories[tier]
    if (factory === undefined) {
      throw new Error(`plugin "${pluginName}": the tier ${tier} is not available in this gateway`)
    }
    const all = [...this.#plugins.values()]
    const plugins =
      tier === 'inline' || (tenant !== null && tier !== 'remote')
        ? all.filter((code) => (tier === 'inline') === (code.tier === 'inline'))
        : [this.#codeOf(pluginName)]
    return factory.createHost({ name, tenant, plugins, lowered })
  }

  async #configure(hostNames: ReadonlySet<string>): Promise<void> {
    // All of them have ended when this does: what is undone next must not overtake one.
    const outcomes = await Promise.allSettled([...hostNames].map((name) => this.#update(name)))
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
  }

  #update(hostName: string): Promise<void> {
    const { host, instances } = this.#entries.get(hostName)!
    return host.configure([...instances.values()].map(({ spec }) => spec))
  }

  /** A host that cannot be put away keeps no other from it. */
  async #putAway(changes: readonly Promise<void>[]): Promise<void> {
    for (const outcome of await Promise.allSettled(changes)) {
      if (outcome.status === 'rejected') this.#onProblem(outcome.reason as Error)
    }
  }

  async #remove(
    instances: readonly LeasedInstance[],
    hostNames: ReadonlyMap<string, string>,
  ): Promise<void> {
    const changed = new Set<string>()
    for (const { key } of instances) {
      const name = hostNames.get(key)
      const entry = name === undefined ? undefined : this.#entries.get(name)
      const instance = entry?.instances.get(key)
      if (name === undefined || entry === undefined || instance === undefined) continue
      if (--instance.leases > 0) continue
      entry.instances.delete(key)
      changed.add(name)
    }
    const putAway = [...changed].map((name) => {
      const { host, instances: left } = this.#entries.get(name)!
      if (left.size > 0) return this.#update(name)
      this.#entries.delete(name)
      return host.close()
    })
    const left = [...this.#entries.values()].flatMap(({ instances: all }) => [...all.values()])
    this.meters.keep(new Set(left.map(({ spec }) => spec.id)))
    await this.#putAway(putAway)
  }
}
