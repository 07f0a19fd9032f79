import { type Phase, PHASE_NAMES } from '@sallyport/sdk'
import type { Chain, Step } from '../chain.ts'
import type { ChainIndex, ChainSubject } from '../chain-index.ts'
import { RequestFacts } from '../expressions/request-facts.ts'
import type { RouterRequest } from '../router/types.ts'
import { isStream, isTls } from './read-question.ts'

/** Which steps run for one request, by phase, in their order. */
export type StepPlan = Readonly<Record<Phase, readonly Step[]>>

/** How far a request comes. */
export type Way =
  /** No route, or refused by the route's protocols: only global instances. */
  | 'unrouted'
  /** There is no service behind the route. */
  | 'no-service'
  | 'whole'

export interface PlannedRequest {
  readonly request: RouterRequest
  readonly way: Way
  /** Before anybody is authenticated. */
  readonly subject: ChainSubject
  /** Who is authenticated, and the plugin that does it. */
  readonly authenticated: { readonly by: string; readonly subject: ChainSubject } | null
}

export interface Plan {
  readonly order: StepPlan
  /** Steps that would run if their condition held. */
  readonly conditionsFalse: readonly Step[]
}

/** What every answer goes through, also one that the gateway gives itself. */
const ANSWER_PHASES: readonly Phase[] = ['response', 'headerFilter', 'bodyFilter', 'log']

/** Walks through the phases as a request does, without running anything. */
export function planSteps(chains: ChainIndex, planned: PlannedRequest): Plan {
  const { request, way, subject } = planned
  const skipped = new Set<Step>()
  const holds = conditionsOf(request, skipped)
  const order = Object.fromEntries(PHASE_NAMES.map((phase) => [phase, [] as Step[]])) as Record<
    Phase,
    Step[]
  >
  const { globalChain } = chains
  if (isTls(request.scheme)) order.certificate = globalChain.in('certificate').filter(holds)
  if (isStream(request.scheme)) {
    const chain = way === 'unrouted' ? globalChain : chains.chainFor(subject)
    for (const phase of ['preread', 'log'] as const) order[phase] = chain.in(phase).filter(holds)
    return { order, conditionsFalse: [...skipped] }
  }
  order.rewrite = globalChain.in('rewrite').filter(holds)
  let chain = globalChain
  if (way !== 'unrouted') {
    const walked = walkAccess(chains, planned, holds)
    chain = walked.chain
    order.access = walked.access
  }
  if (way === 'whole') order.beforeProxy = chain.in('beforeProxy').filter(holds)
  for (const phase of ANSWER_PHASES) order[phase] = chain.in(phase).filter(holds)
  return { order, conditionsFalse: [...skipped] }
}

/** As `run-phase` does: the chain changes behind the step that authenticates. */
function walkAccess(
  chains: ChainIndex,
  { subject, authenticated }: PlannedRequest,
  holds: (step: Step) => boolean,
): { chain: Chain; access: Step[] } {
  let chain = chains.chainFor(subject)
  let waits = authenticated
  const access: Step[] = []
  for (let next = 0; next < chain.in('access').length;) {
    const step = chain.in('access')[next++]!
    if (!holds(step)) continue
    access.push(step)
    if (waits === null || step.pluginName !== waits.by) continue
    chain = chains.chainAfter(chain, waits.subject, step)
    waits = null
    next = chain.in('access').indexOf(step) + 1
  }
  return { chain, access }
}

function conditionsOf(request: RouterRequest, skipped: Set<Step>): (step: Step) => boolean {
  const facts = new RequestFacts(request)
  return (step) => {
    if (step.condition === null) return true
    try {
      if (step.condition.holds(facts)) return true
    } catch {
      // One that cannot be evaluated lets the plugin run.
      return true
    }
    skipped.add(step)
    return false
  }
}
