import { SANDBOX_LIMITS } from '../../sandbox/limits.ts'
import { CALL_COST_MS } from '../../sandbox/process/cpu-budget.ts'
import { median } from './summary.ts'
import type { LatencyPair, PairsSummary } from './latency-pairs.ts'

/** What a tenant may burn in a second, for good. */
const TENANT_US_PER_SECOND = (SANDBOX_LIMITS.tenantCpuMs / SANDBOX_LIMITS.tenantCpuFillMs) * 1e6

/** While a neighbour offends, a p99 may be this much longer: a share of it or so much, what is more. */
const GROWTH_SHARE_MAX = 0.2
const GROWTH_US_MAX = 2_000

export interface ClosedLoop {
  /** Answered requests a second, as many as there can be. */
  readonly ratePerSecond: number
  /** What its budget is charged for each of them; 0 where the route has no plugin. */
  readonly chargedUsPerRequest: number
}

/**
 * What a tenant is served for good: what the gateway can do, or what the tenant's CPU budget pays
 * for. A rate that the budget does not pay for ends in 503, whoever the neighbours are.
 */
export function toCapacity({ ratePerSecond, chargedUsPerRequest }: ClosedLoop): number {
  if (chargedUsPerRequest <= 0) return ratePerSecond
  return Math.min(ratePerSecond, TENANT_US_PER_SECOND / chargedUsPerRequest)
}

/** What so many requests cost a tenant, whose sandbox has burnt so much for them. */
export function toChargedUs(requests: number, sandboxUs: number): number {
  return sandboxUs + requests * CALL_COST_MS * 1_000
}

/** How long a tenant's budget takes to get back what was burnt, in milliseconds. */
export function toRefillMs(burntUs: number): number {
  return Math.min(SANDBOX_LIMITS.tenantCpuFillMs, (burntUs / TENANT_US_PER_SECOND) * 1_000)
}

export interface Verdict {
  readonly basePercentilesUs: readonly [p50: number, p99: number]
  readonly otherPercentilesUs: readonly [p50: number, p99: number]
  /** Median of the pairs. */
  readonly growthUs: number
  readonly growthUsMax: number
  readonly isWithin: boolean
}

/** Compares a victim's pairs, quiet and beside an offender, with the bar. */
export function judge(pairs: readonly LatencyPair[], summary: PairsSummary): Verdict {
  const growthUsMax = Math.max(summary.baseP99Us * GROWTH_SHARE_MAX, GROWTH_US_MAX)
  return {
    basePercentilesUs: [median(pairs.map(({ base }) => base.p50Us)), summary.baseP99Us],
    otherPercentilesUs: [median(pairs.map(({ other }) => other.p50Us)), summary.otherP99Us],
    growthUs: summary.differenceUs,
    growthUsMax,
    isWithin: summary.errors.length === 0 && summary.differenceUs <= growthUsMax,
  }
}

/** A client that is late by as much as the bar allows measures itself. */
export const CLIENT_LAG_US_MAX = GROWTH_US_MAX / 2

/** The offender's client and what the upstream answers it must find room beside the victim's. */
export const LOAD_CORE_BUSY_MAX = 0.5

export interface ClientState {
  readonly lagUs: number
  /** Share of the core of clients and upstream that was busy. */
  readonly coreBusy: number
}

/** How often a rate is lowered until the client keeps up, and by how much. */
const FIT_TRIES = 6
const FIT_SHARE = 0.7
/** What else the machine does for a moment is no reason for a lower rate. */
const LOOKS_MAX = 3

/**
 * The highest rate, from `wanted` downwards, at which the client itself keeps to its schedule: with
 * two cores it shares one with the upstream and the offender's client. `stateAt` tells how that went.
 */
export async function fitRate(
  wanted: number,
  stateAt: (ratePerSecond: number) => Promise<ClientState>,
): Promise<number> {
  let ratePerSecond = Math.max(1, Math.floor(wanted))
  for (let tries = 0; tries < FIT_TRIES; tries += 1) {
    for (let looks = 0; looks < LOOKS_MAX; looks += 1) {
      const { lagUs, coreBusy } = await stateAt(ratePerSecond)
      if (lagUs <= CLIENT_LAG_US_MAX && coreBusy <= LOAD_CORE_BUSY_MAX) return ratePerSecond
    }
    ratePerSecond = Math.max(1, Math.floor(ratePerSecond * FIT_SHARE))
  }
  return ratePerSecond
}
