import { Type } from '@sallyport/sdk'
import { enumOf, flag, integer, listOf, nullable, objectOf, text } from './fields.ts'

/**
 * Kong's `upstreams[].healthchecks`. 0 switches a counter or an interval off, and off is the
 * default of all of them. Intervals and the time-out are seconds.
 */

const kinds = ['http', 'tcp', 'https', 'grpc', 'grpcs'] as const
const counter = () => integer(0, 255, { default: 0 })
const interval = () => Type.Number({ minimum: 0, maximum: 65_535, default: 0 })
const statuses = (values: readonly number[]) =>
  listOf(integer(100, 999), { uniqueItems: true, default: [...values] })

const activeHealthyStatuses = [200, 302]
const activeUnhealthyStatuses = [429, 404, 500, 501, 502, 503, 504, 505]
const passiveHealthyStatuses = [
  200, 201, 202, 203, 204, 205, 206, 207, 208, 226, 300, 301, 302, 303, 304, 305, 306, 307, 308,
]
const passiveUnhealthyStatuses = [429, 500, 503]

const failures = () => ({
  http_failures: counter(),
  tcp_failures: counter(),
  timeouts: counter(),
})

const active = objectOf(
  {
    type: enumOf(kinds, { default: 'http' }),
    timeout: Type.Number({ minimum: 0, maximum: 65_535, default: 1 }),
    concurrency: integer(1, 2 ** 31 - 1, { default: 10 }),
    http_path: Type.String({
      pattern: '^/',
      wanted: 'a path that starts with "/"',
      default: '/',
    }),
    https_sni: nullable(text()),
    https_verify_certificate: flag(true),
    headers: nullable(Type.Record(Type.String(), listOf(Type.String()))),
    healthy: objectOf(
      {
        interval: interval(),
        successes: counter(),
        http_statuses: statuses(activeHealthyStatuses),
      },
      { default: {} },
    ),
    unhealthy: objectOf(
      { interval: interval(), ...failures(), http_statuses: statuses(activeUnhealthyStatuses) },
      { default: {} },
    ),
  },
  { default: {} },
)

const passive = objectOf(
  {
    type: enumOf(kinds, { default: 'http' }),
    healthy: objectOf(
      { successes: counter(), http_statuses: statuses(passiveHealthyStatuses) },
      { default: {} },
    ),
    unhealthy: objectOf(
      { ...failures(), http_statuses: statuses(passiveUnhealthyStatuses) },
      { default: {} },
    ),
  },
  { default: {} },
)

export const healthchecks = () =>
  objectOf(
    {
      threshold: Type.Number({ minimum: 0, maximum: 100, default: 0 }),
      active,
      passive,
    },
    { default: {} },
  )
