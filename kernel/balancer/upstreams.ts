import type { Entities, Service, Target } from '../config/entities.ts'
import type { TimeSlices } from '../time-slices.ts'
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

  /** Builds them in slices, so that the event loop serves requests meanwhile. */
  static async build(
    entities: Pick<Entities, 'upstreams' | 'targets'>,
    slices: TimeSlices,
  ): Promise<Upstreams> {
    const targets = new Map<string, TargetAddress[]>()
    await slices.over(entities.targets, (target) => {
      const { id } = target.upstream
      const known = targets.get(id)
      if (known === undefined) targets.set(id, [toAddress(target)])
      else known.push(toAddress(target))
    })
    const upstreams = new Upstreams()
    await slices.over(entities.upstreams, ({ id, name, host_header: hostHeader }) => {
      const balancer = new RoundRobinBalancer(targets.get(id) ?? [])
      upstreams.#byName.set(name, { balancer, hostHeader })
    })
    return upstreams
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
