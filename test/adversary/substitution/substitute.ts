/** What stands in for the sandbox of attackers; the hosts of others are the real ones. */
export type Substitute =
  /** The child runs one of these instead of its own program, by the name of the attack. */
  | { readonly kind: 'evil-peer'; readonly snippets: Readonly<Record<string, string>> }
  /** The real sandbox, whose deadline of the wall clock a starved machine does not reach. */
  | { readonly kind: 'patient' }
  /** The real sandbox with one hole in it. */
  | { readonly kind: 'leaky'; readonly leak: Leak }

/**
 * `reference`: a handle of the host's is left on the guest's global object. `no-limits`: nobody is
 * stopped or killed, whatever time and memory it takes.
 */
export type Leak = 'reference' | 'no-limits'

const VARIABLE = 'ADVERSARY_SUBSTITUTE'

export function toEnvironment(substitute: Substitute): Record<string, string> {
  return { [VARIABLE]: JSON.stringify(substitute) }
}

export function readSubstitute(): Substitute {
  return JSON.parse(process.env[VARIABLE]!) as Substitute
}
