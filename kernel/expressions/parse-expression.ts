import { quote } from '../config/config-error.ts'
import { findKongField } from './kong-fields.ts'
import { EXPRESSION_LIMITS } from './limits.ts'
import { scanLiteral } from './literal.ts'
import {
  literalProblem,
  operatorProblem,
  OPERATORS,
  type Subject,
  toPredicate,
  wantedLiteral,
} from './operators.ts'
import { Scanner } from './scanner.ts'
import type { Predicate, SyntaxTree } from './syntax-tree.ts'

export interface ParsedExpression {
  readonly tree: SyntaxTree
  /** Whether `&&` and `||` stand side by side without brackets, which is easily misread. */
  readonly mixesOperators: boolean
}

/**
 * Reads an expression in Kong's language, with the precedence of atc-router: `||` binds tighter
 * than `&&`. Throws an `ExpressionError` that says where it is wrong and what is wanted there.
 */
export function parseExpression(text: string): ParsedExpression {
  return new Parser(text).parse()
}

const { lengthMax, nestingMax, predicatesMax, regexesMax } = EXPRESSION_LIMITS

/** What people write instead of a sign of this language. */
const otherSigns: Readonly<Record<string, string>> = {
  '===': '==',
  '=': '==',
  '=~': '~',
  '~=': '!=',
  '~*': '~',
  '<>': '!=',
  '!~': '!( .. ~ .. )',
  and: '&&',
  or: '||',
  '&': '&&',
  '|': '||',
}

// Longer signs first; words end where their letters end.
const operatorPattern = /==|!=|\^=|=\^|>=|<=|[~><]|not[ \t\r\n]+in\b|in\b|contains\b/y
const signPattern = /[=~<>!&|*^]+|[A-Za-z]+/y
const identifierPattern = /[A-Za-z][A-Za-z0-9_.]*/y

class Parser {
  readonly #scanner: Scanner
  #depth = 0
  #predicates = 0
  #regexes = 0
  #mixesOperators = false

  constructor(text: string) {
    this.#scanner = new Scanner(text)
  }

  parse(): ParsedExpression {
    const scanner = this.#scanner
    if (scanner.text.length > lengthMax) {
      const length = scanner.text.length
      scanner.fail(`an expression has at most ${lengthMax} characters, got ${length}`, lengthMax)
    }
    const tree = this.#conjunction()
    if (!scanner.isAtEnd) {
      scanner.fail(`wanted "&&", "||" or the end, ${scanner.got()}${this.#signHint()}`)
    }
    return { tree, mixesOperators: this.#mixesOperators }
  }

  #conjunction(): SyntaxTree {
    const groups = [this.#terms()]
    while (this.#scanner.skip('&&')) groups.push(this.#terms())
    if (groups.length > 1 && groups.some(({ length }) => length > 1)) this.#mixesOperators = true
    return join(
      'and',
      groups.map((terms) => join('or', terms)),
    )
  }

  #terms(): SyntaxTree[] {
    const terms = [this.#term()]
    while (this.#scanner.skip('||')) terms.push(this.#term())
    return terms
  }

  /** One predicate or one pair of brackets, with the space around it. */
  #term(): SyntaxTree {
    const scanner = this.#scanner
    scanner.skipSpace()
    const isNegated = scanner.skip('!')
    if (isNegated) scanner.skipSpace()
    if (isNegated && !scanner.sees('(')) {
      scanner.fail(`wanted "(" after "!", as in !(http.path == "/a"), ${scanner.got()}`)
    }
    const term = scanner.sees('(') ? this.#brackets() : this.#predicate()
    scanner.skipSpace()
    return isNegated ? { kind: 'not', part: term } : term
  }

  #brackets(): SyntaxTree {
    const scanner = this.#scanner
    const start = scanner.at
    scanner.skip('(')
    if (++this.#depth > nestingMax) {
      scanner.fail(`brackets can be nested ${nestingMax} deep, this is one more`, start)
    }
    const tree = this.#conjunction()
    if (!scanner.skip(')')) {
      const wanted = `wanted "&&", "||" or the ")" for the "(" at ${scanner.place(start)}`
      scanner.fail(`${wanted}, ${scanner.got()}${this.#signHint()}`)
    }
    this.#depth--
    return tree
  }

  #predicate(): Predicate {
    const scanner = this.#scanner
    const start = scanner.at
    if (++this.#predicates > predicatesMax) {
      scanner.fail(`an expression has at most ${predicatesMax} comparisons, this is one more`)
    }
    const subject = this.#subject()
    scanner.skipSpace()
    const operator = this.#operator(subject)
    scanner.skipSpace()
    const literalAt = scanner.at
    const literal = scanLiteral(scanner, wantedLiteral(subject, operator))
    const problem = literalProblem(subject, operator, literal)
    if (problem !== null) scanner.fail(problem, literalAt)
    if (operator === '~' && ++this.#regexes > regexesMax) {
      scanner.fail(`an expression has at most ${regexesMax} regular expressions`, start)
    }
    try {
      return toPredicate(subject, operator, literal)
    } catch (error) {
      const reason = error instanceof Error ? error.message : String(error)
      return scanner.fail(reason, literalAt)
    }
  }

  /** A field, with transforms around it. */
  #subject(): Subject {
    const scanner = this.#scanner
    const opened: string[] = []
    let at = scanner.at
    let name = scanner.take(identifierPattern)
    for (; this.#opens(); name = scanner.take(identifierPattern)) {
      if (name !== 'lower' && name !== 'any') {
        scanner.fail(`unknown transform ${quote(name)}; there are lower() and any()`, at)
      }
      opened.push(name)
      scanner.skip('(')
      scanner.skipSpace()
      at = scanner.at
    }
    if (name === '')
      scanner.fail(`wanted a field like http.path, lower(), any(), "(" or "!(", ${scanner.got()}`)
    const field = this.#field(name, at)
    for (const transform of opened) {
      scanner.skipSpace()
      if (!scanner.skip(')')) scanner.fail(`wanted the ")" of ${transform}(), ${scanner.got()}`)
    }
    const isLowered = opened.includes('lower')
    if (isLowered && field.type !== 'string' && field.type !== 'strings') {
      scanner.fail(`lower() is for strings, and ${name} is none`, at)
    }
    return { field, isAny: opened.includes('any'), isLowered }
  }

  #opens(): boolean {
    this.#scanner.skipSpace()
    return this.#scanner.sees('(')
  }

  #field(name: string, at: number) {
    const scanner = this.#scanner
    const field = findKongField(name)
    if (typeof field === 'string') return scanner.fail(field, at)
    if (scanner.text[at + name.length] !== '-') return field
    return scanner.fail(`wanted "_" for each "-" of a name, ${scanner.got()}`, at + name.length)
  }

  #operator(subject: Subject): string {
    const scanner = this.#scanner
    const start = scanner.at
    const sign = scanner.take(signPattern)
    scanner.at = start
    const operator = scanner.take(operatorPattern).replace(/\s+/, ' ')
    const isCut = operator === '' || (/[=~<>*^]/.test(sign) && sign !== operator)
    if (isCut) {
      scanner.at = start
      const names = Object.keys(OPERATORS).join(', ')
      scanner.fail(`wanted an operator (${names}), ${scanner.got()}${this.#signHint()}`)
    }
    const problem = operatorProblem(subject, operator)
    if (problem !== null) scanner.fail(problem, start)
    return operator
  }

  #signHint(): string {
    const scanner = this.#scanner
    const start = scanner.at
    const sign = scanner.take(signPattern).toLowerCase()
    scanner.at = start
    const meant = Object.hasOwn(otherSigns, sign) ? otherSigns[sign] : undefined
    return meant === undefined ? '' : `; did you mean ${meant}?`
  }
}

function join(kind: 'and' | 'or', parts: readonly SyntaxTree[]): SyntaxTree {
  const [only] = parts
  return parts.length === 1 && only !== undefined ? only : { kind, parts }
}
