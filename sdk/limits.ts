/**
 * `@sallyport/sdk/limits`: the shape of all tables of limits, and those limits that the library in a
 * sandbox and the kernel both hold a handler to; no part of the contract with authors of plugins.
 */

/**
 * One limit of a table. Every table of limits has rows of this shape: settings, checks of tenants and
 * the page docs/limits.md come out of them.
 */
export interface LimitRow {
  readonly unit: LimitUnit
  readonly default: number
  /** What an operator may set it to. Without it nobody may: other code is built on the default. */
  readonly range?: readonly [least: number, most: number]
  /** Whether a tenant may lower its own. */
  readonly tenant?: true
  /** A limit of the same table that this one is never above: when that one is lowered, this one follows. */
  readonly atMost?: string
  readonly reason: string
}

export type LimitUnit = 'ms' | 'bytes' | 'characters' | 'count'
export type LimitTable = Readonly<Record<string, LimitRow>>
export type LimitValues<Table> = { readonly [Name in keyof Table]: number }
/** Values by the names of their limits; plain data. */
export type LimitChanges = Readonly<Record<string, number>>

/** The limits of a table with these changes. Names of other tables are left out. */
export function resolveLimits<Table extends LimitTable>(
  rows: Table,
  changes: LimitChanges,
): LimitValues<Table> {
  return Object.fromEntries(
    Object.keys(rows).map((name) => [name, resolveLimit(rows, changes, name)]),
  ) as LimitValues<Table>
}

/** One limit of a table with these changes. */
export function resolveLimit(rows: LimitTable, changes: LimitChanges, name: string): number {
  const { default: byDefault, atMost } = rows[name]!
  const own = changes[name] ?? byDefault
  return atMost === undefined ? own : Math.min(own, resolveLimit(rows, changes, atMost))
}

const KB = 1024

/**
 * What one call of a handler may bring back. The library in the sandbox holds a plugin to it, with
 * words that help its author; the kernel holds the sandbox to it, which may have been broken out of.
 */
export const RESULT_LIMIT_ROWS = {
  contextBytesMax: {
    unit: 'bytes',
    default: 16 * KB,
    range: [256, 256 * KB],
    tenant: true,
    reason: "of JSON: what one tenant's plugins tell each other about one request",
  },
  logLinesMax: {
    unit: 'count',
    default: 64,
    range: [1, 10_000],
    tenant: true,
    reason: 'lines of one call: more is a flood, not a log',
  },
  logLineLengthMax: {
    unit: 'characters',
    default: 4 * KB,
    range: [80, 64 * KB],
    tenant: true,
    reason: 'a longer line is cut, not lost',
  },
  changesMax: {
    unit: 'count',
    default: 1_000,
    range: [1, 10_000],
    tenant: true,
    reason: 'a handler that changes more than this is not filtering a message any more',
  },
} as const satisfies LimitTable
