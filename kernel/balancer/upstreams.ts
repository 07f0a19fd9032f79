import type { Entities, Service, Target } from '../config/entities.ts'
import type { Balancer, TargetAddress } from './balancer.ts'
import { RoundRobinBalancer } from './round-robin.ts'

/** Where the requests of a service go, and how they are balanced. */
export interface ServiceUpstream {
  readonly balancer: Balancer
  /** The Host header that the upstream wants; null for the target's own name. */
  readonly hostHeader: string | null
}

/**
 * The upstreams of a snapshot. A service whose `host` is the name of an upstream is balanced over
 * its targets; any other service is its own single target.
 */
export class Upstreams {
  readonly #byName = new Map<string, ServiceUpstream>()
  readonly #direct = new Map<string, ServiceUpstream>()

  constructor(entities: Pick<Entities, 'upstreams' | 'targets'>) {
    const targets = Map.groupBy(entities.targets, (target) => target.upstream.id)
    for (const upstream of entities.upstreams) {
      this.#byName.set(upstream.name, {
        balancer: new RoundRobinBalancer((targets.get(upstream.id) ?? []).map(toAddress)),
        hostHeader: upstream.host_header,
      })
    }
  }

  /** Whether there is an upstream of this name. */
  has(name: string): boolean {
    return this.#byName.has(name)
  }

  of(service: Service): ServiceUpstream {
    return this.#byName.get(service.host) ?? this.#directUpstream(service)
  }

  #directUpstream(service: Service): ServiceUpstream {
    let upstream = this.#direct.get(service.id)
    if (upstream === undefined) {
      const address = { hostname: service.host, port: service.port, weight: 1 }
      upstream = { balancer: new RoundRobinBalancer([address]), hostHeader: null }
      this.#direct.set(service.id, upstream)
    }
    return upstream
  }
}

/** `target` is normalised: `hostname:port`, an IPv6 address in brackets. */
function toAddress({ target, weight }: Target): TargetAddress {
  const colon = target.lastIndexOf(':')
  const hostname = target.slice(0, colon).replace(/^\[|\]$/g, '')
  return { hostname, port: Number(target.slice(colon + 1)), weight }
}
