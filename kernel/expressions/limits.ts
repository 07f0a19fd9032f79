/**
 * Limits of expressions and `vars`, one table: each with the reason for it. Over one is a refusal
 * when the configuration is written, but for `indexKeysMax`; a request never meets them.
 */
export const EXPRESSION_LIMIT_ROWS = {
  lengthMax: {
    default: 16_384,
    reason: 'characters; written by hand they stay below 1,000, generated ones below 4,000',
  },
  nestingMax: {
    default: 64,
    reason: 'brackets or lists in each other; reading and evaluating call themselves for each',
  },
  predicatesMax: {
    default: 256,
    reason: 'comparisons; a request may have to make them all, which takes 3 to 100 µs',
  },
  listItemsMax: {
    default: 1_000,
    reason: 'values of one `in` or `ipmatch`; longer lists are data and belong to a plugin',
  },
  regexesMax: {
    default: 16,
    reason: 'each runs in linear time, and may still look at every character of a long header',
  },
  indexKeysMax: {
    default: 64,
    reason: 'hosts and paths under which a route is listed; with more, every request asks it',
  },
} as const satisfies Record<string, { default: number; reason: string }>

type ExpressionLimits = { readonly [Name in keyof typeof EXPRESSION_LIMIT_ROWS]: number }

export const EXPRESSION_LIMITS = Object.fromEntries(
  Object.entries(EXPRESSION_LIMIT_ROWS).map(([name, row]) => [name, row.default]),
) as ExpressionLimits
