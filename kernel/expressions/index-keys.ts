import { EXPRESSION_LIMITS } from './limits.ts'
import type { Predicate, SyntaxTree } from './syntax-tree.ts'

/** What a request must have for a tree to hold; null where nothing is known. */
export interface IndexKeys {
  /** Its host is one of these. */
  readonly hosts: readonly string[] | null
  /** Its path begins with one of these. */
  readonly paths: readonly string[] | null
}

/** Finds out where an index can list a tree, so that most requests never ask it. */
export function indexKeysOf(tree: SyntaxTree): IndexKeys {
  const hosts = keysOf(tree, hostOf)
  const paths = keysOf(tree, pathOf)
  const count = (hosts?.length ?? 1) * (paths?.length ?? 1)
  if (count <= EXPRESSION_LIMITS.indexKeysMax) return { hosts, paths }
  return (hosts?.length ?? 0) > (paths?.length ?? 0)
    ? { hosts: null, paths: withinLimit(paths) }
    : { hosts: withinLimit(hosts), paths: null }
}

type KeyOf = (predicate: Predicate) => string | null

function keysOf(tree: SyntaxTree, keyOf: KeyOf): readonly string[] | null {
  switch (tree.kind) {
    case 'not':
      return null
    case 'predicate': {
      const key = tree.isNegated ? null : keyOf(tree)
      return key === null ? null : [key]
    }
    case 'or': {
      const keys = tree.parts.map((part) => keysOf(part, keyOf))
      return keys.includes(null) ? null : [...new Set(keys.flatMap((key) => key ?? []))]
    }
    case 'and': {
      // Each part's keys are right; the fewest and longest rule out most requests.
      let best: readonly string[] | null = null
      for (const part of tree.parts) {
        const keys = keysOf(part, keyOf)
        if (keys !== null && (best === null || isBetter(keys, best))) best = keys
      }
      return best
    }
  }
}

function isBetter(keys: readonly string[], than: readonly string[]): boolean {
  const shortest = (list: readonly string[]) => Math.min(...list.map(({ length }) => length))
  return keys.length === than.length ? shortest(keys) > shortest(than) : keys.length < than.length
}

function withinLimit(keys: readonly string[] | null): readonly string[] | null {
  return (keys?.length ?? 0) > EXPRESSION_LIMITS.indexKeysMax ? null : keys
}

function hostOf({ field, check }: Predicate): string | null {
  return field.role === 'host' && check.kind === 'equals' ? check.text : null
}

function pathOf({ field, check, isLowered }: Predicate): string | null {
  if ((field.role !== 'path' && field.role !== 'uri') || isLowered) return null
  if (check.kind === 'equals' || check.kind === 'prefix') return check.text
  if (check.kind !== 'regex' || !isAnchored(check.spelled)) return null
  return check.regex.prefix === '' ? null : check.regex.prefix
}

/** Whether it can be seen at a glance that every match begins where the path does. */
function isAnchored(spelled: string): boolean {
  return spelled.startsWith('^') && !spelled.includes('|') && !/^\^[?*+{]/.test(spelled)
}
