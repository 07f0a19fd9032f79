import type { HostFactory, InstanceSpec, PluginCode, PluginHost, Tier } from './plugin-host.ts'

export interface LeasedInstance extends InstanceSpec {
  readonly tenant: string | null
}

/** The hosts of a snapshot's instances. They stay callable until the lease is released. */
export interface HostLease {
  hostOf(instanceKey: string): PluginHost
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
  readonly #entries = new Map<string, HostEntry>()
  /** Changes are made one after the other. */
  #last: Promise<unknown> = Promise.resolve()

  constructor(
    plugins: ReadonlyMap<string, PluginCode>,
    factories: { readonly [T in Tier]?: HostFactory },
  ) {
    this.#plugins = plugins
    this.#factories = factories
  }

  get hosts(): readonly PluginHost[] {
    return [...this.#entries.values()].map((entry) => entry.host)
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
      return { hostOf: (key: string) => this.#entries.get(hostNames.get(key)!)!.host, release }
    })
  }

  async close(): Promise<void> {
    await this.#serialise(async () => {
      const entries = [...this.#entries.values()]
      this.#entries.clear()
      await Promise.all(entries.map((entry) => entry.host.close()))
    })
  }

  #serialise<T>(change: () => Promise<T>): Promise<T> {
    const result = this.#last.then(change)
    this.#last = result.catch(() => undefined)
    return result
  }

  #add(spec: LeasedInstance): string {
    const { name, tier } = this.#placeOf(spec)
    let entry = this.#entries.get(name)
    if (entry === undefined) {
      entry = { host: this.#makeHost(name, tier, spec), instances: new Map() }
      this.#entries.set(name, entry)
    }
    const instance = entry.instances.get(spec.key)
    if (instance === undefined) entry.instances.set(spec.key, { spec, leases: 1 })
    else instance.leases++
    return name
  }

  /**
   * One child process a tenant, or a plugin that no tenant owns. A tenant's instance never runs in
   * the `isolate` tier: what it protects from is not malice.
   */
  #placeOf(spec: LeasedInstance): { name: string; tier: Tier } {
    const { tier } = this.#codeOf(spec.pluginName)
    if (tier === 'inline') return { name: 'inline', tier }
    if (spec.tenant !== null && tier !== 'remote') {
      return { name: `tenant:${spec.tenant}`, tier: 'process' }
    }
    return { name: `plugin:${spec.pluginName}`, tier }
  }

  #codeOf(pluginName: string): PluginCode {
    const code = this.#plugins.get(pluginName)
    if (code === undefined) throw new Error(`plugin "${pluginName}" is not loaded`)
    return code
  }

  #makeHost(name: string, tier: Tier, { pluginName, tenant }: LeasedInstance): PluginHost {
    const factory = this.#factories[tier]
    if (factory === undefined) {
      throw new Error(`plugin "${pluginName}": the tier ${tier} is not available in this gateway`)
    }
    const all = [...this.#plugins.values()]
    const plugins =
      tier === 'inline' || tenant !== null
        ? all.filter((code) => (tier === 'inline') === (code.tier === 'inline'))
        : [this.#codeOf(pluginName)]
    return factory.createHost({ name, tenant, plugins })
  }

  async #configure(hostNames: ReadonlySet<string>): Promise<void> {
    await Promise.all(
      [...hostNames].map((name) => {
        const { host, instances } = this.#entries.get(name)!
        return host.configure([...instances.values()].map(({ spec }) => spec))
      }),
    )
  }

  async #remove(
    instances: readonly LeasedInstance[],
    hostNames: ReadonlyMap<string, string>,
  ): Promise<void> {
    const changed = new Set<string>()
    const closing: Promise<void>[] = []
    for (const { key } of instances) {
      const name = hostNames.get(key)
      const entry = name === undefined ? undefined : this.#entries.get(name)
      const instance = entry?.instances.get(key)
      if (name === undefined || entry === undefined || instance === undefined) continue
      if (--instance.leases > 0) continue
      entry.instances.delete(key)
      changed.add(name)
    }
    for (const name of changed) {
      const { host, instances: left } = this.#entries.get(name)!
      if (left.size > 0) continue
      changed.delete(name)
      this.#entries.delete(name)
      closing.push(host.close())
    }
    await this.#configure(changed)
    await Promise.all(closing)
  }
}
