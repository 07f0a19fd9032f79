import type { Asked, AskOptions } from './ask.ts'
import type { GatewayUnderAttack, PlacedRoute } from './gateway-under-attack.ts'

/** Where an attacker was put: a route, a tenant and a plugin of its own. */
export interface Place {
  readonly gateway: GatewayUnderAttack
  readonly plugin: string
  readonly tenant: string
  /** Sends the request that the attack waits for. */
  attack(options?: AskOptions): Promise<Asked>
  /** The same for the neighbour, another tenant with the same plugin, where the case has one. */
  attackNeighbour(options?: AskOptions): Promise<Asked>
  /** Lines of the gateway's log about the attacker's plugin or its sandbox, since the attack began. */
  linesOfAttacker(): Promise<readonly Readonly<Record<string, unknown>>[]>
}

export const ATTACK_ROUTE = 'attack'
export const NEIGHBOUR_ROUTE = 'neighbour'

/** The routes of a case. The configuration of each says whose it is. */
export function routesOf(options: {
  plugin: string
  tenant: string | null
  hasNeighbour: boolean
}): PlacedRoute[] {
  const { plugin, tenant, hasNeighbour } = options
  const toRoute = (name: string, owner: string | null): PlacedRoute => ({
    name,
    tenant: owner,
    // Inline plugins of the controls have no configuration.
    plugins: [{ name: plugin, ...(owner === null ? {} : { config: { tenant: owner } }) }],
  })
  const routes = [toRoute(ATTACK_ROUTE, tenant)]
  if (hasNeighbour) routes.push(toRoute(NEIGHBOUR_ROUTE, `${tenant}-neighbour`))
  return routes
}
