import {
  type LimitChanges,
  type LimitTable,
  type LimitValues,
  resolveLimits,
  RESULT_LIMIT_ROWS,
} from '@sallyport/sdk/limits'
import type { Tenant } from './config/entities.ts'
import { EFFECT_LIMIT_ROWS } from './effects/limits.ts'

/** What the kernel holds the handlers of a plugin to, in every tier. */
export const PLUGIN_LIMIT_ROWS = {
  handlerTimeoutMs: {
    unit: 'ms',
    default: 2_000,
    range: [1, 600_000],
    tenant: true,
    reason:
      'wall clock of a handler with what it waits for, unless its instance has a `timeout_ms`; one that a tenant lowers also ends what that says',
  },
  ...RESULT_LIMIT_ROWS,
  ...EFFECT_LIMIT_ROWS,
} as const satisfies LimitTable

export type PluginLimits = LimitValues<typeof PLUGIN_LIMIT_ROWS>

export const PLUGIN_LIMITS: PluginLimits = resolvePluginLimits({})

export function resolvePluginLimits(changes: LimitChanges): PluginLimits {
  return resolveLimits(PLUGIN_LIMIT_ROWS, changes)
}

/** What a tenant's plugins are held to. */
export interface OwnerLimits {
  readonly limits: PluginLimits
  /** What the tenant has lowered, of all tables; the hosts of its plugins take theirs from it. */
  readonly lowered: LimitChanges
}

/** The limits of a snapshot: the operator's, and those of each tenant that has lowered some. */
export class LimitsOfOwners {
  readonly #changes: LimitChanges
  readonly #ofTenants = new Map<string, OwnerLimits>()
  readonly #operator: OwnerLimits

  constructor(changes: LimitChanges, tenants: readonly Tenant[]) {
    this.#changes = changes
    this.#operator = { limits: resolvePluginLimits(changes), lowered: {} }
    for (const { name, limits } of tenants) {
      if (Object.keys(limits).length > 0) this.#ofTenants.set(name, this.#lower(limits))
    }
  }

  of(tenant: string | null): OwnerLimits {
    return (tenant === null ? undefined : this.#ofTenants.get(tenant)) ?? this.#operator
  }

  /** Wall clock of a handler of an instance that says so itself, or does not. */
  timeoutMsOf(tenant: string | null, asked: number | null): number {
    const { limits, lowered } = this.of(tenant)
    return Math.min(
      asked ?? limits.handlerTimeoutMs,
      lowered['handlerTimeoutMs'] ?? Number.POSITIVE_INFINITY,
    )
  }

  #lower(lowered: LimitChanges): OwnerLimits {
    return { limits: resolvePluginLimits({ ...this.#changes, ...lowered }), lowered }
  }
}
