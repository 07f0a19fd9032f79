import { compileTree, type Test } from './compile-tree.ts'
import { indexKeysOf, type IndexKeys } from './index-keys.ts'
import { parseExpression } from './parse-expression.ts'
import { parseVars } from './parse-vars.ts'
import type { SyntaxTree } from './syntax-tree.ts'

/** A condition on a request, ready to be asked. */
export interface Expression {
  readonly holds: Test
  readonly usesRegexes: boolean
  readonly keys: IndexKeys
}

/**
 * Compiles an expression, APISIX's `vars` or both, which must then both hold. Null when neither asks
 * for anything. Throws an `ExpressionError` or a `VarsError`.
 */
export function compileExpression(
  text: string | null | undefined,
  vars?: readonly unknown[] | null,
): Expression | null {
  const trees: SyntaxTree[] = []
  if (text !== null && text !== undefined) trees.push(parseExpression(text).tree)
  const parsed = parseVars(vars ?? [])
  if (parsed !== null) trees.push(parsed)
  const [first] = trees
  if (first === undefined) return null
  const tree: SyntaxTree = trees.length === 1 ? first : { kind: 'and', parts: trees }
  return { holds: compileTree(tree), usesRegexes: hasRegex(tree), keys: indexKeysOf(tree) }
}

function hasRegex(tree: SyntaxTree): boolean {
  if (tree.kind === 'predicate') return tree.check.kind === 'regex'
  return tree.kind === 'not' ? hasRegex(tree.part) : tree.parts.some(hasRegex)
}
