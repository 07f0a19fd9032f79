/**
 * Limits of expressions and `vars`, each with its reason. Over one is a refusal when the
 * configuration is written; a request never meets them.
 */
export const EXPRESSION_LIMITS = {
  // Expressions written by hand stay below 1 KB, generated ones below 4 KB.
  lengthMax: 16_384,
  // Parser, compiler and evaluation call themselves once per level of brackets or lists.
  nestingMax: 64,
  // A request may have to evaluate every one; 256 take about 10 µs.
  predicatesMax: 256,
  // Of an `in` or `ipmatch` list. Looked up by one hash, they only cost memory.
  listItemsMax: 1_000,
  // Each may take its time for every character of a header (see `safe-regex.ts`).
  regexesMax: 16,
  // A route that an index would list under more hosts or paths than this is asked every time.
  indexKeysMax: 64,
} as const
