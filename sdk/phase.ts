/**
 * The phases of a request, in the order in which they come. This table is the source of the
 * `Phase` type, of the run-time phase check of every PDK member, of the chain compiler and of the
 * drawing in ARCHITECTURE.md.
 */

/** Which instances of a plugin run in a phase: before the router only the global ones are known. */
export type PhaseScope = 'global' | 'matched'

/**
 * What a failing plugin does to the request when its policy is `fail`:
 * `refuse`   nothing goes upstream, the client gets 500 or 503;
 * `replace`  the answer is replaced by 500 or 503;
 * `abort`    the connection is cut: what was sent cannot be taken back, and what was not filtered
 *            must not be sent;
 * `count`    the request is over, the failure is only counted.
 */
export type PhaseFailure = 'refuse' | 'replace' | 'abort' | 'count'

export interface PhaseRow {
  /** One bit per phase, so that a set of phases is a number. */
  readonly bit: number
  readonly scope: PhaseScope
  readonly failure: PhaseFailure
  /** When the phase runs, for the docs. */
  readonly when: string
}

export const PHASES = {
  certificate: {
    bit: 1,
    scope: 'global',
    failure: 'refuse',
    when: 'during the TLS handshake, once a connection',
  },
  preread: {
    bit: 2,
    scope: 'matched',
    failure: 'refuse',
    when: 'when a stream connection was accepted, before a byte of it is used',
  },
  rewrite: {
    bit: 4,
    scope: 'global',
    failure: 'refuse',
    when: 'when the request head arrived, before the router: the route is not known yet',
  },
  access: {
    bit: 8,
    scope: 'matched',
    failure: 'refuse',
    when: 'when route and service are known, before anything goes upstream',
  },
  beforeProxy: {
    bit: 16,
    scope: 'matched',
    failure: 'refuse',
    when: 'when the balancer has picked a target, again on each try',
  },
  response: {
    bit: 32,
    scope: 'matched',
    failure: 'replace',
    when: 'when the whole upstream answer has arrived; declaring it buffers the answer',
  },
  headerFilter: {
    bit: 64,
    scope: 'matched',
    failure: 'replace',
    when: 'when the head of the answer is known, before it is sent to the client',
  },
  bodyFilter: {
    bit: 128,
    scope: 'matched',
    failure: 'abort',
    when: 'for each chunk of the answer, and once at its end',
  },
  log: {
    bit: 256,
    scope: 'matched',
    failure: 'count',
    when: 'after the last byte or the abort, off the way of the request',
  },
} as const satisfies Record<string, PhaseRow>

export type Phase = keyof typeof PHASES

export const PHASE_NAMES = Object.keys(PHASES) as readonly Phase[]

/** The set of phases as one number. */
export function toPhaseBits(phases: Iterable<Phase>): number {
  let bits = 0
  for (const phase of phases) bits |= PHASES[phase].bit
  return bits
}

/** The phases of a set, in the order in which they come. */
export function fromPhaseBits(bits: number): Phase[] {
  return PHASE_NAMES.filter((phase) => (bits & PHASES[phase].bit) !== 0)
}

export function isPhase(name: string): name is Phase {
  return Object.hasOwn(PHASES, name)
}
