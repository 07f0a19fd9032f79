import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { escapePath } from '../../../kernel/router/uri.ts'
import { type Explained, explainFile } from './explain-file.ts'

type Json = Readonly<Record<string, unknown>>

const read = <T>(name: string) =>
  JSON.parse(readFileSync(new URL(`../../cases/${name}`, import.meta.url), 'utf8')) as readonly T[]

interface RouterCase {
  readonly name: string
  readonly subsystem?: string
  readonly routes: readonly (Json & { id: string; service: Json | null })[]
  readonly requests: readonly (Json & { api: string; expect: Expected })[]
}

interface Expected {
  readonly route_id: string | null
  readonly upstream_uri?: string
  readonly upstream_host?: string
  readonly prefix?: string
  readonly matches?: Json
}

describe('the recorded cases of the router, through explain', () => {
  let asked = 0
  for (const one of read<RouterCase>('router.json')) {
    it(one.name, async () => {
      const { code, lines, error } = await explainFile({
        file: toFile(one),
        questions: one.requests.map((request) => toQuestion(request)),
      })
      // What an entity cannot say is refused, with a reason; the router's own test has it.
      if (code !== 0) {
        expect(error).toMatch(/is not normalised and would never match|headers.host: is what hosts/)
        return
      }
      expect(lines).toHaveLength(one.requests.length)
      for (const [i, { expect: expected }] of one.requests.entries()) {
        asked++
        expectRecorded(lines[i]!, expected)
      }
    })
  }

  it('can nearly all be written as entities', () => expect(asked).toBeGreaterThan(380))
})

function expectRecorded(line: Explained, expected: Expected): void {
  expect(line.error).toBeUndefined()
  expect(line.route?.name ?? null).toBe(expected.route_id)
  if (expected.route_id === null) return
  expect(line.matches).toEqual(expected.matches ?? {})
  expect(line.prefix ?? undefined).toBe(expected.prefix)
  if (expected.upstream_host !== undefined) expect(line.upstream_host).toBe(expected.upstream_host)
  if (expected.upstream_uri === undefined) return
  expect(line.upstream_uri).toBe(escapePath(expected.upstream_uri))
}

const isEmptyTable = (value: unknown) =>
  typeof value === 'object' && value !== null && Object.keys(value).length === 0

/** Ids become names; a service without a host gets one. */
function toFile({ routes, subsystem }: RouterCase): object {
  const services: object[] = []
  const listed = routes.map(({ id, service, ...fields }) => {
    const route: Record<string, unknown> = { name: id, strip_path: false }
    // The router takes a route without protocols for any; an entity always has some.
    if (subsystem === 'stream') route['protocols'] = ['tcp', 'tls']
    for (const [key, value] of Object.entries(fields)) if (!isEmptyTable(value)) route[key] = value
    if (service === null) return route
    services.push({ host: 'upstream.test', ...service, name: `service-of-${id}` })
    return { ...route, service: `service-of-${id}` }
  })
  return { _format_version: '3.0', services, routes: listed }
}

function toQuestion(request: RouterCase['requests'][number]): object {
  const isStream = request['scheme'] === 'tcp'
  const asked = Object.entries(request).filter(([key]) => key !== 'api' && key !== 'expect')
  return {
    ...(isStream ? {} : { method: 'GET', path: '/' }),
    ...Object.fromEntries(asked),
    raw: request.api === 'exec',
  }
}

interface UriCase {
  readonly fn: string
  readonly input: Json
  readonly expect: string
}

describe('the recorded cases of request paths, through explain', () => {
  const cases = read<UriCase>('uri.json').filter(
    ({ fn, input }) =>
      fn === 'normalize' &&
      input['merge_slashes'] === true &&
      String(input['uri']).startsWith('/') &&
      !/[?#]/.test(String(input['uri'])),
  )
  it('has them', () => expect(cases.length).toBeGreaterThan(10))
  it('normalises each, and sends it escaped', async () => {
    const { lines } = await explainFile({
      file: {
        _format_version: '3.0',
        services: [
          { name: 's', host: 'h', routes: [{ name: 'r', paths: ['/'], strip_path: false }] },
        ],
      },
      questions: cases.map(({ input }) => ({ method: 'GET', path: input['uri'], raw: true })),
    })
    expect(lines.map((line) => line.upstream_uri)).toEqual(
      cases.map((one) => escapePath(one.expect)),
    )
  })
})

interface PrecedenceCase {
  readonly name: string
  readonly kind: 'scope' | 'sequence'
  readonly context: {
    readonly route?: string
    readonly service?: string
    readonly consumer?: string
    readonly consumer_groups?: readonly string[]
    readonly authenticates?: Readonly<Record<string, string>>
  }
  readonly instances: readonly (Json & { id: string; plugin: string })[]
  readonly plugins?: readonly { name: string; phases: readonly string[]; priority: number }[]
  readonly expect: {
    readonly winner?: string | null
    readonly executed?: Readonly<Record<string, readonly string[]>>
  }
}

const OUR_PHASES: Readonly<Record<string, string>> = {
  header_filter: 'headerFilter',
  body_filter: 'bodyFilter',
}
const toPhase = (phase: string) => OUR_PHASES[phase] ?? phase

describe('the recorded cases of plugin precedence, through explain', () => {
  for (const one of read<PrecedenceCase>('plugin-precedence.json')) {
    it(one.name, async () => {
      const plugins = one.plugins ?? [{ name: 'p', phases: ['access'], priority: 1 }]
      const { code, lines } = await explainFile({
        file: toPrecedenceFile(one),
        plugins: plugins.map((plugin) => ({ ...plugin, phases: plugin.phases.map(toPhase) })),
        questions: [toPrecedenceQuestion(one)],
      })
      expect(code).toBe(0)
      const [line] = lines
      expect(line!.error).toBeUndefined()
      const names = new Map(line!.plugins.map(({ id, instance_name: name }) => [id, name]))
      const order = (phase: string) =>
        line!.order[toPhase(phase) as 'access']!.map((id) => names.get(id))
      const { winner, executed } = one.expect
      if (one.kind === 'scope') expect(order('access')[0] ?? null).toBe(named(winner ?? null))
      for (const phase of Object.keys(executed ?? {})) {
        if (phase === 'buffered') continue
        expect(order(phase), phase).toEqual(executed![phase]!.map(named))
      }
    })
  }
})

/** An instance name has no `+`. */
const named = <T extends string | null>(id: T) => id?.replaceAll('+', '_') ?? null

function toPrecedenceFile({ context, instances }: PrecedenceCase): object {
  const idsOf = (kind: 'route' | 'service' | 'consumer' | 'consumer_group') => {
    const ids = new Set<string>(context.consumer_groups?.filter(() => kind === 'consumer_group'))
    if (kind !== 'consumer_group' && context[kind] !== undefined) ids.add(context[kind])
    for (const id of Object.values(kind === 'consumer' ? (context.authenticates ?? {}) : {}))
      ids.add(id)
    for (const instance of instances) {
      if (typeof instance[kind] === 'string') ids.add(instance[kind])
    }
    return [...ids]
  }
  return {
    _format_version: '3.0',
    services: idsOf('service').map((name) => ({ name, host: 'h' })),
    // The route of the context has its service.
    // `access` runs for a request with a route: where the case has none, it is one without plugins.
    routes: [...idsOf('route'), ''].map((name) => ({
      name: name || 'no-plugins',
      paths: [`/${name}`],
      ...(name === context.route && context.service !== undefined
        ? { service: context.service }
        : {}),
    })),
    consumers: idsOf('consumer').map((username) => ({ username })),
    consumer_groups: idsOf('consumer_group').map((name) => ({ name })),
    plugins: instances.map(({ id, plugin, ...fields }) => ({
      name: plugin,
      instance_name: named(id),
      ...fields,
    })),
  }
}

function toPrecedenceQuestion({ context }: PrecedenceCase): object {
  const { consumer, consumer_groups, authenticates } = context
  const [by] = Object.keys(authenticates ?? {})
  return {
    method: 'GET',
    path: `/${context.route ?? ''}`,
    consumer: by === undefined ? consumer : authenticates![by],
    consumer_groups,
    authenticated_by: by,
  }
}
