import { LRUCache } from 'lru-cache'
import { Chain, mergeChains, type Step } from './chain.ts'

/** The scope of an instance: ids of what it is bound to. */
export interface StepScope {
  readonly routeId: string | null
  readonly serviceId: string | null
  readonly consumerId: string | null
  readonly groupId: string | null
}

export interface ScopedStep {
  readonly step: Step
  readonly scope: StepScope
}

/** What a request matched. */
export interface ChainSubject {
  readonly routeId: string | null
  readonly serviceId: string | null
  readonly consumerId: string | null
  /** In the order in which groups are asked: by name. */
  readonly groupIds: readonly string[]
}

/** Which kinds of scope there are, the most specific first; the first one that has an instance wins. */
const PRECEDENCE = [
  ['consumer', 'route', 'service'],
  ['group', 'route', 'service'],
  ['consumer', 'route'],
  ['consumer', 'service'],
  ['group', 'route'],
  ['group', 'service'],
  ['route', 'service'],
  ['consumer'],
  ['group'],
  ['route'],
  ['service'],
  [],
] as const

/** What the most requests match: the chain of global instances is theirs. */
const NOTHING_CARRIED: ChainSubject = {
  routeId: null,
  serviceId: null,
  consumerId: null,
  groupIds: [],
}

/** Chains of consumers and groups with plugins of their own; the others share one a route. */
const CACHED_CHAINS_MAX = 10_000

/**
 * Finds the chain for what a request matched. Chains are compiled once and keyed by those of the
 * matched scopes that carry plugins: a million consumers without plugins share one chain.
 */
export class ChainIndex {
  readonly globalChain: Chain
  readonly #byName = new Map<string, Map<string, Step>>()
  readonly #additional: readonly Step[]
  readonly #scopesWithPlugins = new Set<string>()
  readonly #chains = new LRUCache<string, Chain>({ max: CACHED_CHAINS_MAX })

  constructor(steps: readonly ScopedStep[], additional: readonly Step[]) {
    for (const { step, scope } of steps) {
      let scopes = this.#byName.get(step.pluginName)
      if (scopes === undefined) this.#byName.set(step.pluginName, (scopes = new Map()))
      const key = toKey(scope.routeId, scope.serviceId, scope.consumerId, scope.groupId)
      scopes.set(key, step)
      for (const id of Object.values(scope)) if (id !== null) this.#scopesWithPlugins.add(id)
    }
    this.#additional = additional
    this.globalChain = this.#makeChain(NOTHING_CARRIED)
  }

  chainFor(subject: ChainSubject): Chain {
    const carried = this.#withPlugins(subject)
    if (carried === NOTHING_CARRIED) return this.globalChain
    const key =
      toKey(carried.routeId, carried.serviceId, carried.consumerId, null) +
      carried.groupIds.join(',')
    let chain = this.#chains.get(key)
    if (chain === undefined) {
      chain = this.#makeChain(carried)
      this.#chains.set(key, chain)
    }
    return chain
  }

  /** The chain to go on with when `lastRun` has authenticated a consumer. */
  chainAfter(before: Chain, subject: ChainSubject, lastRun: Step): Chain {
    const after = this.chainFor(subject)
    if (after === before) return before
    const key = `${before.id}>${after.id}@${lastRun.instanceKey}`
    let chain = this.#chains.get(key)
    if (chain === undefined) {
      chain = mergeChains(before, after, lastRun)
      this.#chains.set(key, chain)
    }
    return chain
  }

  #withPlugins({ routeId, serviceId, consumerId, groupIds }: ChainSubject): ChainSubject {
    const scopes = this.#scopesWithPlugins
    const route = routeId !== null && scopes.has(routeId) ? routeId : null
    const service = serviceId !== null && scopes.has(serviceId) ? serviceId : null
    const consumer = consumerId !== null && scopes.has(consumerId) ? consumerId : null
    const groups = groupIds.length === 0 ? groupIds : groupIds.filter((id) => scopes.has(id))
    if (route === null && service === null && consumer === null && groups.length === 0) {
      return NOTHING_CARRIED
    }
    return { routeId: route, serviceId: service, consumerId: consumer, groupIds: groups }
  }

  #makeChain(carried: ChainSubject): Chain {
    return new Chain([...this.#resolve(carried), ...this.#additional])
  }

  #resolve(subject: ChainSubject): Step[] {
    const steps: Step[] = []
    for (const scopes of this.#byName.values()) {
      const step = findMostSpecific(scopes, subject)
      if (step !== null) steps.push(step)
    }
    return steps
  }
}

function findMostSpecific(scopes: ReadonlyMap<string, Step>, subject: ChainSubject): Step | null {
  const { routeId, serviceId, consumerId, groupIds } = subject
  for (const kinds of PRECEDENCE) {
    const has = (kind: string) => (kinds as readonly string[]).includes(kind)
    if (has('route') && routeId === null) continue
    if (has('service') && serviceId === null) continue
    if (has('consumer') && consumerId === null) continue
    for (const groupId of has('group') ? groupIds : [null]) {
      const step = scopes.get(
        toKey(
          has('route') ? routeId : null,
          has('service') ? serviceId : null,
          has('consumer') ? consumerId : null,
          groupId,
        ),
      )
      if (step !== undefined) return step
    }
  }
  return null
}

function toKey(
  routeId: string | null,
  serviceId: string | null,
  consumerId: string | null,
  groupId: string | null,
): string {
  return `${routeId ?? ''}|${serviceId ?? ''}|${consumerId ?? ''}|${groupId ?? ''}|`
}
