import { EFFECT_KINDS, type EffectKind } from '../effects/effect-meters.ts'
import type { EffectStatus } from '../effects/effects.ts'
import { eachStatus, type Family, type Labels, type NodeReport } from './metric-family.ts'

/** What plugins do beyond the request. A series begins with the first call that it is about. */
export const EFFECT_FAMILIES: Readonly<Record<string, Family>> = {
  sallyport_effect_calls_total: ofKinds('calls of pdk.http, cache, store and vault', 'calls'),
  sallyport_effect_seconds_total: ofKinds(
    'time from calls to their ends, those that fail included',
    'waitedMs',
    1_000,
  ),
  sallyport_effect_failures_total: {
    type: 'counter',
    help: 'calls that failed, by the code of the error',
    samples: (node) =>
      eachEffects(node).flatMap(([labels, { failures }]) =>
        EFFECT_KINDS.flatMap((effect) =>
          Object.entries(failures[effect]).map(
            ([code, count]) => [{ ...labels, effect, code }, count] as const,
          ),
        ),
      ),
  },
  sallyport_effect_http_sent_bytes_total: of(
    'http',
    'bodies of requests that were begun',
    ({ sentBytes }) => sentBytes,
  ),
  sallyport_effect_http_received_bytes_total: of(
    'http',
    'bodies of answers, as far as they were read',
    ({ receivedBytes }) => receivedBytes,
  ),
  sallyport_effect_cache_hits_total: of('cache', 'values found', ({ cacheHits }) => cacheHits),
  sallyport_effect_cache_misses_total: of(
    'cache',
    'values not found, or not any more',
    ({ cacheMisses }) => cacheMisses,
  ),
  sallyport_effect_cache_evictions_total: of(
    'cache',
    'values that had to go before their time because the cache was full',
    ({ cacheEvictions }) => cacheEvictions,
  ),
  sallyport_effect_cache_bytes: {
    ...of('cache', 'keys and values that are kept', ({ cacheBytes }) => cacheBytes),
    type: 'gauge',
  },
}

/** One sample for each kind of effect that was called. */
function ofKinds(help: string, field: 'calls' | 'waitedMs', divisor = 1): Family {
  const samples = (node: NodeReport) =>
    eachEffects(node).flatMap(([labels, status]) =>
      EFFECT_KINDS.filter((effect) => status.calls[effect] > 0).map(
        (effect) => [{ ...labels, effect }, status[field][effect] / divisor] as const,
      ),
    )
  return { type: 'counter', help, samples }
}

/** One sample where this kind of effect was called. */
function of(kind: EffectKind, help: string, read: (status: EffectStatus) => number): Family {
  const samples = (node: NodeReport) =>
    eachEffects(node)
      .filter(([, { calls }]) => calls[kind] > 0)
      .map(([labels, status]) => [labels, read(status)] as const)
  return { type: 'counter', help, samples }
}

function eachEffects(node: NodeReport): (readonly [Labels, EffectStatus])[] {
  return eachStatus(node).flatMap(([worker, { effects }]) =>
    effects.map((status) => {
      const { plugin, tenant } = status
      return [{ worker, plugin, tenant: tenant ?? '' }, status] as const
    }),
  )
}
