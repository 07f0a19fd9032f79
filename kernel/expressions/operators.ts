import { compileSafeRegex } from '../safe-regex.ts'
import { toAddressTest } from '@sallyport/sdk/address-test'
import { type Literal, literalWords } from './literal.ts'
import type { Check, Field, Predicate } from './syntax-tree.ts'

type FieldKind = 'string' | 'integer' | 'address'

interface Operator {
  /** By the kind of the field, the kind of literal on the right; what is not there is refused. */
  readonly takes: { readonly [K in FieldKind]?: Literal['type'] }
  readonly isNegated?: boolean
  readonly check: (literal: Literal, field: Field) => Check
}

const text = (kind: 'equals' | 'prefix' | 'suffix' | 'contains'): Operator => ({
  takes: { string: 'string' },
  check: ({ value }, { fold }) => ({ kind, text: fold?.(String(value)) ?? String(value) }),
})

const number = (relation: '>' | '>=' | '<' | '<='): Operator => ({
  takes: { integer: 'integer' },
  check: ({ value }) => ({ kind: 'number', relation, number: Number(value) }),
})

const equals: Operator = {
  takes: { string: 'string', integer: 'integer', address: 'address' },
  check: (literal, field) => {
    if (literal.type === 'integer') return { kind: 'number', relation: '==', number: literal.value }
    if (literal.type === 'string') return text('equals').check(literal, field)
    return { kind: 'address', holds: toAddressTest([literal.value]) }
  },
}

const within: Operator = {
  takes: { address: 'block' },
  check: ({ value }) => ({ kind: 'address', holds: toAddressTest([String(value)]) }),
}

const regex: Operator = {
  takes: { string: 'string' },
  check: ({ value }) => {
    const spelled = String(value)
    return { kind: 'regex', regex: compileSafeRegex(spelled), spelled }
  },
}

/** Every operator of Kong's language. */
export const OPERATORS: Readonly<Record<string, Operator>> = {
  '==': equals,
  '!=': { ...equals, isNegated: true },
  '~': regex,
  '^=': text('prefix'),
  '=^': text('suffix'),
  contains: text('contains'),
  '>': number('>'),
  '>=': number('>='),
  '<': number('<'),
  '<=': number('<='),
  in: within,
  'not in': { ...within, isNegated: true },
}

export interface Subject {
  readonly field: Field
  readonly isAny: boolean
  readonly isLowered: boolean
}

const kindOf = ({ type }: Field): FieldKind => (type === 'strings' ? 'string' : type)

const kindWords: Readonly<Record<FieldKind, string>> = {
  string: 'a string',
  integer: 'a whole number',
  address: 'an IP address',
}

/** Why a field does not take an operator; null when it does. */
export function operatorProblem({ field }: Subject, operator: string): string | null {
  const kind = kindOf(field)
  if (OPERATORS[operator]?.takes[kind] !== undefined) return null
  const fitting = Object.keys(OPERATORS).filter(
    (name) => OPERATORS[name]?.takes[kind] !== undefined,
  )
  return `${field.name} is ${kindWords[kind]} and takes ${fitting.join(', ')}, got "${operator}"`
}

/** The words for what must stand on the right. */
export function wantedLiteral({ field }: Subject, operator: string): string {
  return literalWords[literalOf(field, operator)]
}

/** Why a literal does not fit; null when it does. */
export function literalProblem(
  { field }: Subject,
  operator: string,
  literal: Literal,
): string | null {
  const wanted = literalOf(field, operator)
  if (literal.type === wanted) return null
  const isBlock = wanted === 'address' && literal.type === 'block'
  const hint = isBlock ? '; for a block write "in"' : ''
  const shown = JSON.stringify(literal.value)
  return `wanted ${literalWords[wanted]} for ${field.name} ${operator}, got ${shown}${hint}`
}

/** Throws an `UnsafeRegexError` for a regular expression that is refused. */
export function toPredicate(subject: Subject, operator: string, literal: Literal): Predicate {
  const { check, isNegated = false } = OPERATORS[operator]!
  return { kind: 'predicate', ...subject, check: check(literal, subject.field), isNegated }
}

function literalOf(field: Field, operator: string): Literal['type'] {
  return OPERATORS[operator]?.takes[kindOf(field)] ?? 'string'
}
