import type { SafeRegex } from '../safe-regex.ts'
import type { RequestFacts } from './request-facts.ts'

/**
 * The one tree of both languages, Kong's expressions and APISIX's `vars`: whatever is in it is
 * checked, and all that is left to do is to compile it.
 */
export type SyntaxTree =
  | { readonly kind: 'and' | 'or'; readonly parts: readonly SyntaxTree[] }
  | { readonly kind: 'not'; readonly part: SyntaxTree }
  | Predicate

/** One comparison. It is false when the field is missing, whatever it asks. */
export interface Predicate {
  readonly kind: 'predicate'
  readonly field: Field
  readonly check: Check
  /** Every value of the field must not pass the check instead. */
  readonly isNegated: boolean
  /** Of several values one is enough; otherwise all must hold. */
  readonly isAny: boolean
  /** Compare the value in lower case. */
  readonly isLowered: boolean
}

/** What a value is compared with. The first group is for texts and addresses, the second for numbers. */
export type Check =
  | { readonly kind: 'equals' | 'prefix' | 'suffix' | 'contains'; readonly text: string }
  | { readonly kind: 'regex'; readonly regex: SafeRegex; readonly spelled: string }
  | { readonly kind: 'address'; readonly holds: (address: string) => boolean }
  | { readonly kind: 'one-of'; readonly texts: ReadonlySet<string>; readonly numbers: number[] }
  | { readonly kind: 'exists' }
  /** A text is read as a number first; one that is none never holds. */
  | { readonly kind: 'number'; readonly relation: Relation; readonly number: number }

export type Relation = '==' | '>' | '>=' | '<' | '<='

interface FieldBase {
  /** As it is written. */
  readonly name: string
  /** What an index can look up; a `path` also tells the route what was matched, a `uri` does not. */
  readonly role?: 'host' | 'path' | 'uri'
  /** How its values are spelled for comparing; what they are compared with must be spelled alike. */
  readonly fold?: (literal: string) => string
}

/** Something known of a request. Reading null means that it is missing. */
export type Field =
  | (FieldBase & {
      readonly type: 'string' | 'address'
      readonly read: (facts: RequestFacts) => string | null
    })
  | (FieldBase & {
      readonly type: 'strings'
      readonly read: (facts: RequestFacts) => readonly string[] | null
    })
  | (FieldBase & {
      readonly type: 'integer'
      readonly read: (facts: RequestFacts) => number | null
    })
