import type { PathMatch, RequestFacts } from './request-facts.ts'
import type { Check, Predicate, Relation, SyntaxTree } from './syntax-tree.ts'

/** Asks one request. */
export type Test = (facts: RequestFacts) => boolean

/**
 * Compiles a tree to closures. What the predicates on the path have found is left in
 * `facts.pathMatch`: of those that made the whole true, the last one counts.
 */
export function compileTree(tree: SyntaxTree): Test {
  switch (tree.kind) {
    case 'and':
      return compileAnd(tree.parts.map(compileTree))
    case 'or':
      return compileOr(tree.parts.map(compileTree))
    case 'not':
      return compileNot(compileTree(tree.part))
    case 'predicate':
      return compilePredicate(tree)
  }
}

function compileAnd(tests: readonly Test[]): Test {
  return (facts) => {
    for (const test of tests) if (!test(facts)) return false
    return true
  }
}

// What a part that did not hold has found of the path says nothing about the request.
function compileOr(tests: readonly Test[]): Test {
  return (facts) => {
    const before = facts.pathMatch
    for (const test of tests) {
      if (test(facts)) return true
      facts.pathMatch = before
    }
    return false
  }
}

function compileNot(test: Test): Test {
  return (facts) => {
    const before = facts.pathMatch
    const holds = test(facts)
    facts.pathMatch = before
    return !holds
  }
}

function compilePredicate(predicate: Predicate): Test {
  const { field } = predicate
  if (field.type === 'integer') {
    const { read } = field
    const holds = compileNumber(predicate)
    return (facts) => {
      const value = read(facts)
      return value !== null && holds(value)
    }
  }
  if (field.role === 'path' && !predicate.isNegated) return compilePath(predicate)
  const holds = compileText(predicate)
  if (field.type === 'strings') {
    const { read } = field
    return predicate.isAny
      ? (facts) => read(facts)?.some(holds) === true
      : (facts) => read(facts)?.every(holds) === true
  }
  const { read } = field
  return (facts) => {
    const value = read(facts)
    return value !== null && holds(value)
  }
}

function compileNumber({ check, isNegated }: Predicate): (value: number) => boolean {
  // The table of operators has no other for an integer.
  if (check.kind !== 'number') throw new Error(`a number has no check ${check.kind}`)
  const { number } = check
  const compare = relations[check.relation]
  return (value) => compare(value, number) !== isNegated
}

const relations: Readonly<Record<Relation, (left: number, right: number) => boolean>> = {
  '==': (left, right) => left === right,
  '>': (left, right) => left > right,
  '>=': (left, right) => left >= right,
  '<': (left, right) => left < right,
  '<=': (left, right) => left <= right,
}

function compileText({ check, isNegated, isLowered }: Predicate): (value: string) => boolean {
  const plain = compileCheck(check)
  const lowered = isLowered ? (value: string) => plain(value.toLowerCase()) : plain
  return isNegated ? (value) => !lowered(value) : lowered
}

function compileCheck(check: Check): (value: string) => boolean {
  switch (check.kind) {
    case 'equals':
      return (value) => value === check.text
    case 'prefix':
      return (value) => value.startsWith(check.text)
    case 'suffix':
      return (value) => value.endsWith(check.text)
    case 'contains':
      return (value) => value.includes(check.text)
    case 'regex':
      return (value) => check.regex.test(value)
    case 'address':
      return check.holds
    case 'one-of':
      return (value) =>
        check.texts.has(value) ||
        (check.numbers.length > 0 && check.numbers.includes(toNumber(value)))
    case 'exists':
      return () => true
    case 'number': {
      const compare = relations[check.relation]
      return (value) => compare(toNumber(value), check.number)
    }
  }
}

/** A predicate on the path, which tells the route what it has found. */
function compilePath(predicate: Predicate): Test {
  const { check, isLowered } = predicate
  if (check.kind === 'regex') {
    return (facts) => {
      const { path } = facts.request
      const value = isLowered ? path.toLowerCase() : path
      const found = check.regex.exec(value)
      if (found === null) return false
      const length = found.index === 0 ? (found.captures[0] ?? '').length : null
      // Lower case may be longer: then nobody knows how much of the path that was.
      const isSure = value.length === path.length
      const before = facts.pathMatch
      facts.pathMatch = {
        spelled: check.spelled,
        length: (isSure ? length : null) ?? before?.length ?? null,
        found,
      }
      return true
    }
  }
  const holds = compileText(predicate)
  if (check.kind !== 'equals' && check.kind !== 'prefix') {
    return (facts) => holds(facts.request.path)
  }
  const { text } = check
  return (facts) => {
    const { path } = facts.request
    if (!holds(path)) return false
    const isSure = !isLowered || path.slice(0, text.length).toLowerCase() === text
    facts.pathMatch = literalMatch(text, isSure, facts.pathMatch)
    return true
  }
}

function literalMatch(text: string, isSure: boolean, before: PathMatch | null): PathMatch {
  return {
    spelled: text,
    length: isSure ? text.length : (before?.length ?? null),
    found: before?.found ?? null,
  }
}

/** As a program of numbers reads it: decimal or hexadecimal, with spaces around; else NaN. */
export function toNumber(text: string): number {
  if (text.trim() === '' || /^\s*[-+]?0[bo]/i.test(text)) return Number.NaN
  const number = Number(text)
  return Number.isFinite(number) ? number : Number.NaN
}
