import { getHeader, type Phase, PHASE_NAMES } from '@sallyport/sdk'
import type { Step } from '../chain.ts'
import type { ChainSubject } from '../chain-index.ts'
import type { CompiledSnapshot } from '../compiled-snapshot.ts'
import type { Entities, Route, Service } from '../config/entities.ts'
import { type ErrorCode, ERRORS } from '../errors.ts'
import { refusalByProtocol } from '../protocol-rules.ts'
import type { RouteMatch, RouteMatches } from '../router/types.ts'
import { hostToSend } from '../upstream-request.ts'
import { type Plan, planSteps, type StepPlan, type Way } from './plan-steps.ts'
import { isStream, isTls, type Question, QuestionError, shown } from './read-question.ts'
import type { WhyNot } from './why-not.ts'

type Match = RouteMatch<Route, Service>

/** What is told of one request; the keys are those of the output. */
export interface Explanation {
  readonly route: { readonly id: string; readonly name: string | null } | null
  readonly service: { readonly id: string; readonly name: string | null } | null
  /** Without the query, which is sent as it came. */
  readonly upstream_uri: string | null
  /** The Host that the upstream gets; null when it is that of the target yet to be picked. */
  readonly upstream_host: string | null
  readonly prefix: string | null
  readonly matches: Readonly<Record<string, unknown>>
  readonly plugins: readonly ExplainedPlugin[]
  readonly order: Readonly<Partial<Record<Phase, readonly string[]>>>
  /** What the gateway itself answers; missing when the request goes upstream. */
  readonly answer?: { readonly status: number; readonly message: string }
  readonly why_not?: unknown
}

interface ExplainedPlugin {
  readonly name: string
  readonly instance_name: string | null
  readonly id: string
  readonly scope: string
  readonly priority: number
  readonly phases: readonly Phase[]
}

/** Explains requests by one configuration. `whyNot`: also tells of the routes that were not taken. */
export class Explainer {
  readonly #snapshot: CompiledSnapshot
  readonly #whyNot: WhyNot | null
  readonly #groups: ReadonlyMap<string, string>
  readonly #pluginNames: ReadonlySet<string>

  constructor(snapshot: CompiledSnapshot, entities: Entities, whyNot: WhyNot | null) {
    this.#snapshot = snapshot
    this.#whyNot = whyNot
    this.#pluginNames = new Set(
      [...entities.plugins, ...entities.global_plugins].map(({ name }) => name),
    )
    this.#groups = new Map(
      entities.consumer_groups.flatMap(({ id, name }) => [
        [name, id],
        [id, id],
      ]),
    )
  }

  /** Rejects with `QuestionError` for a consumer, group or plugin that is not there. */
  async explain(question: Question): Promise<Explanation> {
    const { request } = question
    const match = this.#snapshot.router.match(request)
    const who = await this.#subjectsOf(question, match)
    const refused = match === null ? 'NO_ROUTE' : refusalOf(match, question)
    const way: Way =
      refused !== null ? 'unrouted' : match!.service === null ? 'no-service' : 'whole'
    const plan = planSteps(this.#snapshot.chains, { request, way, ...who })
    const code = refused ?? answerOf(match!, question)
    return {
      route: match === null ? null : named(match.route),
      service: match?.service ? named(match.service) : null,
      upstream_uri: match?.service ? match.upstreamPath || '/' : null,
      upstream_host: match === null ? null : this.#upstreamHost(match),
      prefix: match?.prefix ?? null,
      matches: match === null ? {} : spelledMatches(match.matches),
      plugins: toPlugins(plan.order),
      order: toOrder(plan.order),
      ...(code === null ? {} : { answer: toAnswer(code, match) }),
      ...this.#why(question, match, plan),
    }
  }

  #why(question: Question, match: Match | null, plan: Plan): Pick<Explanation, 'why_not'> {
    if (this.#whyNot === null) return {}
    return {
      why_not: {
        routes: this.#whyNot.routes(question.request, match?.route.id ?? null),
        plugins: plan.conditionsFalse.map(({ pluginName, instanceId, condition }) => ({
          name: pluginName,
          id: instanceId,
          reason: `its condition does not hold: ${condition!.text}`,
        })),
      },
    }
  }

  /** Who is known from the start, and who is found out in `access`. */
  async #subjectsOf(question: Question, match: Match | null) {
    const { consumer, consumerGroups, authenticatedBy } = question
    const routed = { routeId: match?.route.id ?? null, serviceId: match?.service?.id ?? null }
    const nobody: ChainSubject = { ...routed, consumerId: null, groupIds: [] }
    const groupIds = consumerGroups?.toSorted().map((name) => this.#groupId(name)) ?? null
    if (consumer === null) {
      return { subject: { ...nobody, groupIds: groupIds ?? [] }, authenticated: null }
    }
    const { directory } = this.#snapshot
    const record =
      (await directory.findConsumer(consumer)) ?? (await directory.findConsumerByName(consumer))
    if (record === null) {
      throw new QuestionError(`consumer: there is no consumer ${shown(consumer)}`)
    }
    const somebody: ChainSubject = {
      ...routed,
      consumerId: record.view.id,
      groupIds: groupIds ?? record.groupIds,
    }
    if (authenticatedBy === null) return { subject: somebody, authenticated: null }
    if (!this.#pluginNames.has(authenticatedBy)) {
      throw new QuestionError(`authenticated_by: no plugin ${shown(authenticatedBy)} is configured`)
    }
    return { subject: nobody, authenticated: { by: authenticatedBy, subject: somebody } }
  }

  #groupId(name: string): string {
    const id = this.#groups.get(name)
    if (id !== undefined) return id
    throw new QuestionError(`consumer_groups: there is no consumer group ${shown(name)}`)
  }

  #upstreamHost(match: Match): string | null {
    const { service } = match
    if (service === null) return match.upstreamHost
    const { upstreams } = this.#snapshot
    const upstream = upstreams.of(service)
    // The name of an upstream is no host: which target it will be, only the request knows.
    const isOpen = upstreams.has(service.host) && upstream.hostHeader === null
    if (isOpen && match.upstreamHost === null) return null
    const { host: hostname, port, protocol } = service
    return hostToSend(match, upstream, { isTls: isTls(protocol), hostname, port })
  }
}

function refusalOf({ route }: Match, { request }: Question): ErrorCode | null {
  if (isStream(request.scheme)) return null
  return refusalByProtocol(route, {
    isSecure: isTls(request.scheme),
    isHttp2: request.scheme.startsWith('grpc'),
    contentType: request.scheme.startsWith('grpc')
      ? 'application/grpc'
      : getHeader(request.headers, 'content-type'),
  })
}

function answerOf({ service }: Match, { request }: Question): ErrorCode | null {
  if (isStream(request.scheme)) return null
  if (service === null) return 'NO_SERVICE'
  return service.enabled ? null : 'SERVICE_DISABLED'
}

function toAnswer(code: ErrorCode, match: Match | null): { status: number; message: string } {
  const { status, message } = ERRORS[code]
  const redirect = code === 'HTTPS_ONLY' ? match!.route.https_redirect_status_code : status
  return { status: redirect, message }
}

const named = ({ id, name }: { id: string; name: string | null }) => ({ id, name })

/** As Kong spells it; what took no part is left out. */
function spelledMatches(matches: RouteMatches): Record<string, unknown> {
  const { uriCaptures } = matches
  const spelled = {
    host: matches.host,
    uri: matches.uri,
    uri_captures:
      uriCaptures === null
        ? null
        : Object.assign(Object.create(null), uriCaptures.positional, uriCaptures.named),
    method: matches.method,
    headers: matches.headers,
    sni: matches.sni,
    src_ip: matches.srcIp,
    src_port: matches.srcPort,
    dst_ip: matches.dstIp,
    dst_port: matches.dstPort,
  }
  return Object.fromEntries(Object.entries(spelled).filter(([, value]) => value !== null))
}

function toOrder(order: StepPlan): Explanation['order'] {
  return Object.fromEntries(
    PHASE_NAMES.map((phase) => [phase, order[phase].map((step) => step.instanceId)]),
  )
}

/** One entry an instance; the highest priority first. */
function toPlugins(order: StepPlan): ExplainedPlugin[] {
  const phases = new Map<string, Phase[]>()
  const steps = new Map<string, Step>()
  for (const phase of PHASE_NAMES) {
    for (const step of order[phase]) {
      steps.set(step.instanceId, step)
      phases.set(step.instanceId, [...(phases.get(step.instanceId) ?? []), phase])
    }
  }
  return [...steps.values()]
    .toSorted((a, b) => b.priority - a.priority)
    .map(({ pluginName, instanceName, instanceId, scope, priority }) => ({
      name: pluginName,
      instance_name: instanceName,
      id: instanceId,
      scope,
      priority,
      phases: phases.get(instanceId)!,
    }))
}
