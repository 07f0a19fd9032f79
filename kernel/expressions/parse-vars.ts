import { isIP } from 'node:net'
import { didYouMean, type PathSegment, quote } from '../config/config-error.ts'
import { compileSafeRegex } from '../safe-regex.ts'
import { toAddressTest } from '@sallyport/sdk/address-test'
import { toNumber } from './compile-tree.ts'
import { EXPRESSION_LIMITS } from './limits.ts'
import type { Check, Field, Relation, SyntaxTree } from './syntax-tree.ts'
import { findVariable } from './variables.ts'

/** What is wrong with `vars`, and where in the list. */
export class VarsError extends Error {
  override readonly name = 'VarsError'
  readonly path: readonly PathSegment[]

  constructor(path: readonly PathSegment[], message: string) {
    super(message)
    this.path = path
  }
}

/**
 * Reads APISIX's `vars`: conditions `[variable, operator, value]` or `[variable, "!", operator,
 * value]`, in lists that all must hold or that begin with AND, OR, !AND or !OR. Null when the list
 * is empty. Throws a `VarsError`.
 */
export function parseVars(list: readonly unknown[]): SyntaxTree | null {
  return list.length === 0 ? null : new VarsParser().node(list, [], 0)
}

const { nestingMax, predicatesMax, regexesMax, listItemsMax } = EXPRESSION_LIMITS

const logical: Readonly<Record<string, { kind: 'and' | 'or'; isNegated: boolean }>> = {
  AND: { kind: 'and', isNegated: false },
  OR: { kind: 'or', isNegated: false },
  '!AND': { kind: 'and', isNegated: true },
  '!OR': { kind: 'or', isNegated: true },
}

interface Operator {
  /** Asks for one of several values instead of the one text. */
  readonly isAboutAll?: boolean
  readonly isNegated?: boolean
  /** Throws an Error that says what the value must be. */
  readonly check: (value: unknown, field: Field) => Check
}

const OPERATORS: Readonly<Record<string, Operator>> = {
  '==': { check: toEquals },
  '~=': { check: toEquals, isNegated: true },
  '>': relation('>'),
  '>=': relation('>='),
  '<': relation('<'),
  '<=': relation('<='),
  '~~': { check: (value) => toRegex(value, '') },
  '~*': { check: (value) => toRegex(value, 'i') },
  in: { check: toOneOf },
  has: { check: toItem, isAboutAll: true },
  ipmatch: { check: toAddresses },
}

class VarsParser {
  #predicates = 0
  #regexes = 0

  node(value: unknown, path: readonly PathSegment[], depth: number): SyntaxTree {
    if (!Array.isArray(value)) {
      const isLogical = typeof value === 'string' && Object.hasOwn(logical, value.toUpperCase())
      const hint = isLogical ? '; AND and OR stand first in their list' : ''
      throw new VarsError(path, `must be ${conditionWords}, got ${quote(value)}${hint}`)
    }
    if (depth > nestingMax) {
      throw new VarsError(path, `lists can be nested ${nestingMax} deep, this is one more`)
    }
    const [first] = value as readonly unknown[]
    if (Array.isArray(first)) return this.#all('and', value, { path, depth, from: 0 })
    const name = typeof first === 'string' ? first.toUpperCase() : ''
    const operator = Object.hasOwn(logical, name) ? logical[name] : undefined
    if (operator === undefined) return this.#condition(value, path)
    if (value.length < 2) {
      throw new VarsError(path, `must have conditions after ${quote(first)}`)
    }
    const tree = this.#all(operator.kind, value, { path, depth, from: 1 })
    return operator.isNegated ? { kind: 'not', part: tree } : tree
  }

  #all(
    kind: 'and' | 'or',
    list: readonly unknown[],
    at: { path: readonly PathSegment[]; depth: number; from: number },
  ): SyntaxTree {
    const parts = list
      .slice(at.from)
      .map((item, index) => this.node(item, [...at.path, at.from + index], at.depth + 1))
    return { kind, parts }
  }

  #condition(list: readonly unknown[], path: readonly PathSegment[]): SyntaxTree {
    const isReversed = list.length === 4 && list[1] === '!'
    if (list.length !== 3 && !isReversed) {
      throw new VarsError(path, `must be ${conditionWords}, got ${quote(list)}`)
    }
    if (++this.#predicates > predicatesMax) {
      throw new VarsError(path, `has at most ${predicatesMax} conditions, this is one more`)
    }
    const operatorAt = isReversed ? 2 : 1
    const [name, operatorName, value] = [list[0], list[operatorAt], list[operatorAt + 1]]
    const variable = typeof name === 'string' ? findVariable(name) : `must be a variable`
    if (typeof variable === 'string') {
      const got = typeof name === 'string' ? '' : `, got ${quote(name)}`
      throw new VarsError([...path, 0], variable + got)
    }
    const operator = findOperator(operatorName, [...path, operatorAt])
    const field = operator.isAboutAll === true ? variable.all : variable.one
    if (field === null) {
      const text = `"has" looks among several values, and ${quote(name)} is one text; use "=="`
      throw new VarsError([...path, operatorAt], text)
    }
    const check = this.#check(operator, value, { field, path: [...path, operatorAt + 1] })
    const isAny = operator.isAboutAll === true
    const predicate = { kind: 'predicate', field, check, isAny } as const
    const tree: SyntaxTree = { ...predicate, isNegated: false, isLowered: false }
    // What is missing is also not equal: the condition as a whole is turned round.
    return isReversed === isNegation(operator, check) ? tree : { kind: 'not', part: tree }
  }

  #check(
    operator: Operator,
    value: unknown,
    { field, path }: { field: Field; path: readonly PathSegment[] },
  ): Check {
    try {
      const check = operator.check(value, field)
      if (check.kind === 'regex' && ++this.#regexes > regexesMax) {
        throw new Error(`has at most ${regexesMax} regular expressions, this is one more`)
      }
      return check
    } catch (error) {
      throw new VarsError(path, error instanceof Error ? error.message : String(error))
    }
  }
}

const conditionWords = 'a condition like ["arg_version", "==", "v2"]'

/** Equal to null asks whether it is missing: the opposite of what the check asks. */
function isNegation({ isNegated = false }: Operator, check: Check): boolean {
  return isNegated !== (check.kind === 'exists')
}

/** What people write instead. */
const otherSigns = new Map([
  ['=', '=='],
  ['!=', '~='],
  ['~', '~~'],
  ['=>', '>='],
  ['=<', '<='],
])

function findOperator(name: unknown, path: readonly PathSegment[]): Operator {
  const folded = typeof name === 'string' ? name.toLowerCase() : ''
  const operator = Object.hasOwn(OPERATORS, folded) ? OPERATORS[folded] : undefined
  if (operator !== undefined) return operator
  const names = Object.keys(OPERATORS)
  const meant = otherSigns.get(folded)
  const hint = meant === undefined ? didYouMean(folded, names) : `; did you mean ${quote(meant)}?`
  const wanted = `must be one of ${names.join(', ')}, or "!" and one of them`
  throw new VarsError(path, `${wanted}, got ${quote(name)}${hint}`)
}

function toEquals(value: unknown, field: Field): Check {
  if (value === null) return { kind: 'exists' }
  return toItem(value, field)
}

function toItem(value: unknown, { fold }: Field): Check {
  if (isNumber(value)) return { kind: 'number', relation: '==', number: value }
  if (typeof value === 'string') return { kind: 'equals', text: fold?.(value) ?? value }
  throw new Error(`must be a string or a number, got ${quote(value)}`)
}

function relation(sign: Relation): Operator {
  return {
    check: (value) => {
      const number = typeof value === 'string' ? toNumber(value) : value
      if (!isNumber(number)) throw new Error(`must be a number, got ${quote(value)}`)
      return { kind: 'number', relation: sign, number }
    },
  }
}

function toRegex(value: unknown, flags: string): Check {
  if (typeof value !== 'string') {
    throw new Error(`must be a regular expression as a string, got ${quote(value)}`)
  }
  return { kind: 'regex', regex: compileSafeRegex(value, flags), spelled: value }
}

function toOneOf(value: unknown, { fold }: Field): Check {
  const items = toItems(value)
  const texts = items.filter((item) => typeof item === 'string')
  const numbers = items.filter(isNumber)
  if (items.length === 0 || texts.length + numbers.length < items.length) {
    throw new Error(`must be a list of strings and numbers, got ${quote(value)}`)
  }
  return { kind: 'one-of', texts: new Set(texts.map((item) => fold?.(item) ?? item)), numbers }
}

function toAddresses(value: unknown): Check {
  const items = typeof value === 'string' ? [value] : toItems(value)
  const wrong = items.find((item) => !isAddressOrBlock(item))
  if (items.length === 0 || wrong !== undefined) {
    const wanted = 'addresses and blocks like "10.0.0.0/8"'
    throw new Error(`must be a list of ${wanted}, got ${quote(wrong ?? value)}`)
  }
  return { kind: 'address', holds: toAddressTest(items as string[]) }
}

function toItems(value: unknown): readonly unknown[] {
  if (!Array.isArray(value)) return []
  if (value.length <= listItemsMax) return value
  throw new Error(`has at most ${listItemsMax} items, got ${value.length}`)
}

function isAddressOrBlock(item: unknown): boolean {
  if (typeof item !== 'string' || item.includes('%')) return false
  const [address = '', bits, ...more] = item.split('/')
  const version = isIP(address)
  if (version === 0 || more.length > 0) return false
  return (
    bits === undefined || (/^[0-9]{1,3}$/.test(bits) && Number(bits) <= (version === 4 ? 32 : 128))
  )
}

function isNumber(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value)
}
