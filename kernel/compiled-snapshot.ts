import { createHash } from 'node:crypto'
import { toPhaseBits } from '@sallyport/sdk'
import type { LimitChanges } from '@sallyport/sdk/limits'
import { Upstreams } from './balancer/upstreams.ts'
import type { Step } from './chain.ts'
import { ChainIndex, type ScopedStep } from './chain-index.ts'
import type { Entities, PluginInstance, Route, Service } from './config/entities.ts'
import { buildDirectory, type Directory } from './directory.ts'
import type { PluginCode } from './plugin-host.ts'
import type { HostLease, LeasedInstance, PluginHosts } from './plugin-hosts.ts'
import { LimitsOfOwners } from './plugin-limits.ts'
import { buildRouter, type Router } from './router/router.ts'
import type { Snapshot } from './snapshot.ts'
import { toStepCondition } from './step-condition.ts'
import { TimeSlices } from './time-slices.ts'

const HTTP_PROTOCOLS = new Set(['http', 'https', 'grpc', 'grpcs'])

/**
 * A snapshot that requests run on: router, chains, balancers. It is made beside the running one and
 * swapped in by one assignment; when it was replaced and its last request is over, it frees its
 * plugin instances.
 */
export class CompiledSnapshot {
  readonly version: number
  readonly hash: string
  readonly router: Router<Route, Service>
  readonly chains: ChainIndex
  readonly upstreams: Upstreams
  readonly directory: Directory
  readonly #lease: HostLease
  #inFlight = 0
  #retired = false

  constructor(parts: {
    snapshot: Snapshot
    router: Router<Route, Service>
    chains: ChainIndex
    upstreams: Upstreams
    directory: Directory
    lease: HostLease
  }) {
    this.version = parts.snapshot.version
    this.hash = parts.snapshot.hash
    this.router = parts.router
    this.chains = parts.chains
    this.upstreams = parts.upstreams
    this.directory = parts.directory
    this.#lease = parts.lease
  }

  get inFlight(): number {
    return this.#inFlight
  }

  enter(): void {
    this.#inFlight++
  }

  leave(): void {
    this.#inFlight--
    if (this.#retired && this.#inFlight === 0) void this.#lease.release()
  }

  /** No new requests come; the plugin instances are freed once the last one is over. */
  retire(): void {
    if (this.#retired) return
    this.#retired = true
    if (this.#inFlight === 0) void this.#lease.release()
  }
}

/** The configuration that an instance runs with: what it refers to is in it. Throws for a reference it may not have. */
type ToConfig = (instance: PluginInstance) => unknown

export interface CompileOptions {
  readonly toConfig?: ToConfig
  /** What the operator has changed of the limits. */
  readonly limits?: LimitChanges
}

/**
 * Compiles a snapshot in slices that do not hold the event loop. Rejects with an Error that says
 * what is wrong; nothing of the running snapshot is touched.
 */
export async function compileSnapshot(
  snapshot: Snapshot,
  plugins: ReadonlyMap<string, Pick<PluginCode, 'manifest'>>,
  hosts: Pick<PluginHosts, 'lease'>,
  { toConfig = ({ config }) => config, limits = {} }: CompileOptions = {},
): Promise<CompiledSnapshot> {
  const { entities } = snapshot
  const slices = new TimeSlices()
  const services = new Map(entities.services.map((service) => [service.id, service]))
  const router = await buildRouter(entities.routes, services)
  const upstreams = await Upstreams.build(entities, slices)
  const directory = await buildDirectory(entities, slices)
  const served = servedInstances(entities)
  const owners = new LimitsOfOwners(limits, entities.tenants)
  const leased: LeasedInstance[] = []
  await slices.over(served, (instance) => {
    const { lowered } = owners.of(instance.tenant)
    leased.push({ ...toSpec(instance, toConfig), lowered })
  })
  const lease = await hosts.lease(leased)
  try {
    const toStep = stepMaker(plugins, lease, owners)
    const additional = new Set(entities.global_plugins)
    const scoped: ScopedStep[] = []
    const globals: Step[] = []
    await slices.over(served.entries(), ([i, instance]) => {
      const step = toStep(instance, leased[i]!, additional.has(instance))
      if (step.additional) globals.push(step)
      else scoped.push({ step, scope: scopeOf(instance) })
    })
    const chains = new ChainIndex(scoped, globals)
    return new CompiledSnapshot({ snapshot, router, chains, upstreams, directory, lease })
  } catch (error) {
    await lease.release()
    throw error
  }
}
/** A disabled instance is invisible: the next scope wins. */
function servedInstances(entities: Entities): PluginInstance[] {
  return [...entities.plugins, ...entities.global_plugins].filter(isServed)
}

export function isServed({ enabled, protocols }: PluginInstance): boolean {
  return enabled && protocols.some((protocol) => HTTP_PROTOCOLS.has(protocol))
}

function toSpec(instance: PluginInstance, toConfig: ToConfig): Omit<LeasedInstance, 'lowered'> {
  const { id, name, config, tenant } = instance
  const digest = createHash('sha256')
    .update(JSON.stringify([name, config, tenant]))
    .digest('hex')
  // The key is seen in logs, so it is made of the references and not of the secrets.
  const key = `${id}@${digest.slice(0, 16)}`
  return { key, id, pluginName: name, config: toConfig(instance), tenant }
}

function stepMaker(
  plugins: ReadonlyMap<string, Pick<PluginCode, 'manifest'>>,
  lease: HostLease,
  owners: LimitsOfOwners,
) {
  return (instance: PluginInstance, spec: LeasedInstance, additional: boolean): Step => {
    const { manifest } = plugins.get(instance.name)!
    return {
      pluginName: instance.name,
      instanceId: instance.id,
      instanceName: instance.instance_name,
      instanceKey: spec.key,
      config: spec.config,
      tenant: instance.tenant,
      priority: manifest.priority,
      phaseBits: toPhaseBits(manifest.phases),
      host: lease.hostOf(spec.key),
      onError: instance.on_error,
      timeoutMs: owners.timeoutMsOf(instance.tenant, instance.timeout_ms),
      limits: owners.of(instance.tenant).limits,
      ordering: instance.ordering,
      condition: toStepCondition(instance.condition),
      scope: additional ? 'global_plugins' : scopeName(instance),
      additional,
      meter: lease.meterOf(spec),
    }
  }
}

function scopeOf({ route, service, consumer, consumer_group }: PluginInstance) {
  return {
    routeId: route?.id ?? null,
    serviceId: service?.id ?? null,
    consumerId: consumer?.id ?? null,
    groupId: consumer_group?.id ?? null,
  }
}

function scopeName({ route, service, consumer, consumer_group }: PluginInstance): string {
  const parts = [
    route && 'route',
    service && 'service',
    consumer && 'consumer',
    consumer_group && 'consumer_group',
  ].filter((part) => typeof part === 'string')
  return parts.length === 0 ? 'global' : parts.join('+')
}
