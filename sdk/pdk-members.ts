import type { Pdk } from './pdk.ts'
import { type Phase, PHASE_NAMES, PHASES, toPhaseBits } from './phase.ts'

/**
 * `read` is answered from what the call was given; `change` is recorded and applied all or nothing
 * when the handler ends; `effect` is executed by the kernel and returns a promise.
 */
export type PdkKind = 'read' | 'change' | 'effect'

export interface PdkMemberRow {
  readonly kind: PdkKind
  readonly phases: readonly Phase[]
  /**
   * Of a change: the view tells it, or no handler can see it. Whoever follows in the same view finds in
   * it what the kernel would put into a new one.
   */
  readonly told?: true
}

/** The names of all functions of the PDK, like `request.getHeader` or `service.request.setHeader`. */
export type PdkMember = MembersOf<Pdk>

/** The type of one function of the PDK. */
export type PdkFunction<
  Member extends string,
  Of = Pdk,
> = Member extends `${infer Head}.${infer Rest}`
  ? Head extends keyof Of
    ? PdkFunction<Rest, Of[Head]>
    : never
  : Member extends keyof Of
    ? Of[Member]
    : never

type AnyFunction = (...args: never[]) => unknown
type MembersOf<Of, Prefix extends string = ''> = {
  [Key in keyof Of & string]: Of[Key] extends AnyFunction
    ? `${Prefix}${Key}`
    : string extends keyof Of[Key]
      ? never
      : MembersOf<Of[Key], `${Prefix}${Key}.`>
}[keyof Of & string]

const ANY = PHASE_NAMES
const REQUEST: readonly Phase[] = ANY.filter(
  (phase) => phase !== 'certificate' && phase !== 'preread',
)
const MATCHED = REQUEST.filter((phase) => phase !== 'rewrite')
const ANSWER: readonly Phase[] = ['response', 'headerFilter', 'bodyFilter', 'log']
const BEFORE_SENT: readonly Phase[] = [
  'rewrite',
  'access',
  'beforeProxy',
  'response',
  'headerFilter',
]
const TO_UPSTREAM: readonly Phase[] = ['rewrite', 'access', 'beforeProxy']
const BEFORE_TRIES: readonly Phase[] = ['rewrite', 'access']
const MAY_READ_BODY: readonly Phase[] = ['rewrite', 'access', 'response']
/** Not while the answer passes: what waits there holds it up, chunk by chunk. */
const MAY_FETCH: readonly Phase[] = ['rewrite', 'access', 'beforeProxy', 'response', 'log']
const MAY_STORE: readonly Phase[] = REQUEST.filter((phase) => phase !== 'bodyFilter')
const MAY_EXIT: readonly Phase[] = ['rewrite', 'access', 'beforeProxy', 'response', 'headerFilter']

/** Every function of the PDK: its kind and the phases in which it may be called. */
export const PDK_MEMBERS: { readonly [Member in PdkMember]: PdkMemberRow } = {
  'client.getIp': { kind: 'read', phases: ANY },
  'client.getPort': { kind: 'read', phases: ANY },
  'client.getForwardedIp': { kind: 'read', phases: ANY },
  'client.getForwardedPort': { kind: 'read', phases: ANY },
  'client.getProtocol': { kind: 'read', phases: MATCHED },
  'client.getConsumer': { kind: 'read', phases: MATCHED },
  'client.getCredential': { kind: 'read', phases: MATCHED },
  'client.loadConsumer': { kind: 'effect', phases: ['access', 'response'] },
  'client.loadCredential': { kind: 'effect', phases: ['access'] },
  'client.authenticate': { kind: 'change', phases: ['access'] },
  'request.getScheme': { kind: 'read', phases: REQUEST },
  'request.getHost': { kind: 'read', phases: REQUEST },
  'request.getPort': { kind: 'read', phases: REQUEST },
  'request.getForwardedScheme': { kind: 'read', phases: REQUEST },
  'request.getForwardedHost': { kind: 'read', phases: REQUEST },
  'request.getForwardedPort': { kind: 'read', phases: REQUEST },
  'request.getForwardedPath': { kind: 'read', phases: REQUEST },
  'request.getForwardedPrefix': { kind: 'read', phases: REQUEST },
  'request.getHttpVersion': { kind: 'read', phases: REQUEST },
  'request.getMethod': { kind: 'read', phases: REQUEST },
  'request.getPath': { kind: 'read', phases: REQUEST },
  'request.getRawPath': { kind: 'read', phases: REQUEST },
  'request.getPathWithQuery': { kind: 'read', phases: REQUEST },
  'request.getRawQuery': { kind: 'read', phases: REQUEST },
  'request.getQueryArg': { kind: 'read', phases: REQUEST },
  'request.getQuery': { kind: 'read', phases: REQUEST },
  'request.getUriCaptures': { kind: 'read', phases: MATCHED },
  'request.getHeader': { kind: 'read', phases: REQUEST },
  'request.getHeaders': { kind: 'read', phases: REQUEST },
  'request.getStartTime': { kind: 'read', phases: REQUEST },
  'request.getId': { kind: 'read', phases: REQUEST },
  'request.getRawBody': { kind: 'effect', phases: MAY_READ_BODY },
  'request.getBody': { kind: 'effect', phases: MAY_READ_BODY },
  'response.getStatus': { kind: 'read', phases: ANSWER },
  'response.getHeader': { kind: 'read', phases: ANSWER },
  'response.getHeaders': { kind: 'read', phases: ANSWER },
  'response.getSource': { kind: 'read', phases: ANSWER },
  'response.setStatus': { kind: 'change', phases: BEFORE_SENT, told: true },
  'response.setHeader': { kind: 'change', phases: BEFORE_SENT, told: true },
  'response.addHeader': { kind: 'change', phases: BEFORE_SENT, told: true },
  'response.clearHeader': { kind: 'change', phases: BEFORE_SENT, told: true },
  'response.setHeaders': { kind: 'change', phases: BEFORE_SENT, told: true },
  'response.exit': { kind: 'change', phases: MAY_EXIT },
  'response.error': { kind: 'change', phases: MAY_EXIT },
  'response.getRawBody': { kind: 'effect', phases: ['response'] },
  'response.setRawBody': { kind: 'change', phases: ['response'] },
  'response.getChunk': { kind: 'read', phases: ['bodyFilter'] },
  'response.setChunk': { kind: 'change', phases: ['bodyFilter'], told: true },
  'response.isLast': { kind: 'read', phases: ['bodyFilter'] },
  'service.setUpstream': { kind: 'change', phases: ['access'] },
  'service.setTarget': { kind: 'change', phases: TO_UPSTREAM },
  'service.setRetries': { kind: 'change', phases: ['access'], told: true },
  'service.setTimeouts': { kind: 'change', phases: ['access'], told: true },
  'service.request.enableBuffering': { kind: 'change', phases: TO_UPSTREAM },
  'service.request.setScheme': { kind: 'change', phases: TO_UPSTREAM },
  'service.request.setPath': { kind: 'change', phases: TO_UPSTREAM },
  'service.request.setMethod': { kind: 'change', phases: BEFORE_TRIES, told: true },
  'service.request.setRawQuery': { kind: 'change', phases: BEFORE_TRIES, told: true },
  'service.request.setQuery': { kind: 'change', phases: BEFORE_TRIES, told: true },
  'service.request.clearQueryArg': { kind: 'change', phases: BEFORE_TRIES, told: true },
  'service.request.setRawBody': { kind: 'change', phases: TO_UPSTREAM },
  'service.request.setBody': { kind: 'change', phases: BEFORE_TRIES },
  'service.request.setHeader': { kind: 'change', phases: TO_UPSTREAM, told: true },
  'service.request.addHeader': { kind: 'change', phases: TO_UPSTREAM, told: true },
  'service.request.clearHeader': { kind: 'change', phases: TO_UPSTREAM, told: true },
  'service.request.setHeaders': { kind: 'change', phases: TO_UPSTREAM, told: true },
  'service.response.getStatus': { kind: 'read', phases: ANSWER },
  'service.response.getHeader': { kind: 'read', phases: ANSWER },
  'service.response.getHeaders': { kind: 'read', phases: ANSWER },
  'service.response.getRawBody': { kind: 'effect', phases: ANSWER },
  'service.response.getBody': { kind: 'effect', phases: ANSWER },
  'router.getRoute': { kind: 'read', phases: MATCHED },
  'router.getService': { kind: 'read', phases: MATCHED },
  'balancer.getTarget': { kind: 'read', phases: ['beforeProxy', ...ANSWER] },
  'log.debug': { kind: 'change', phases: ANY },
  'log.info': { kind: 'change', phases: ANY },
  'log.notice': { kind: 'change', phases: ANY },
  'log.warn': { kind: 'change', phases: ANY },
  'log.err': { kind: 'change', phases: ANY },
  'log.crit': { kind: 'change', phases: ANY },
  'log.alert': { kind: 'change', phases: ANY },
  'log.emerg': { kind: 'change', phases: ANY },
  'log.serialize': { kind: 'read', phases: ['log'] },
  'log.setSerializeValue': { kind: 'change', phases: REQUEST, told: true },
  'ip.isTrusted': { kind: 'read', phases: ANY },
  'node.getId': { kind: 'read', phases: ANY },
  'node.getHostname': { kind: 'read', phases: ANY },
  'node.getMemoryStats': { kind: 'effect', phases: ANY },
  'plugin.getId': { kind: 'read', phases: ANY },
  'tracing.startSpan': { kind: 'read', phases: REQUEST },
  'tracing.addSpan': { kind: 'change', phases: REQUEST, told: true },
  'http.fetch': { kind: 'effect', phases: MAY_FETCH },
  'cache.get': { kind: 'effect', phases: REQUEST },
  'cache.set': { kind: 'effect', phases: REQUEST },
  'cache.delete': { kind: 'effect', phases: REQUEST },
  'store.get': { kind: 'effect', phases: MAY_STORE },
  'store.set': { kind: 'effect', phases: MAY_STORE },
  'store.add': { kind: 'effect', phases: MAY_STORE },
  'store.delete': { kind: 'effect', phases: MAY_STORE },
  'store.list': { kind: 'effect', phases: MAY_STORE },
  'vault.get': { kind: 'effect', phases: REQUEST },
  'crypto.hash': { kind: 'effect', phases: REQUEST },
  'crypto.hmac': { kind: 'effect', phases: REQUEST },
  'crypto.equals': { kind: 'effect', phases: REQUEST },
  'crypto.randomBytes': { kind: 'effect', phases: REQUEST },
  'crypto.verify': { kind: 'effect', phases: REQUEST },
}

/** The phases in which a member may be called, as bits of `PHASES`. */
export const PDK_PHASE_BITS = Object.fromEntries(
  Object.entries(PDK_MEMBERS).map(([member, row]) => [member, toPhaseBits(row.phases)]),
) as Readonly<Record<PdkMember, number>>

/** The text of a `WRONG_PHASE` error, the same in every tier. */
export function wrongPhaseText(member: PdkMember, phase: Phase): string {
  const right = PDK_MEMBERS[member].phases.join(', ')
  return `${member} cannot be called in ${phase}; it can be called in: ${right}`
}

export function isPdkMember(name: string): name is PdkMember {
  return Object.hasOwn(PDK_MEMBERS, name)
}

/** Used where a phase is known only as its bit. */
export function isAllowedIn(member: PdkMember, phase: Phase): boolean {
  return (PDK_PHASE_BITS[member] & PHASES[phase].bit) !== 0
}
