import {
  type LimitChanges,
  type LimitRow,
  type LimitTable,
  resolveLimit,
} from '@sallyport/sdk/limits'
import { didYouMean, quote } from './config/config-error.ts'
import { PLUGIN_LIMIT_ROWS } from './plugin-limits.ts'

/** One sentence that names the limit, quotes the value and says what is wanted. */
export class LimitError extends Error {
  override readonly name = 'LimitError'
}

/**
 * All limits by name, with what the operator has changed of them: the one place that knows what may be
 * changed, by whom and how far.
 */
export class LimitBook {
  /** Plain data, from which every part takes what is its own. */
  readonly changes: LimitChanges
  readonly #rows: LimitTable

  /** Throws `LimitError` for a change that cannot be made. */
  constructor(tables: readonly LimitTable[], changes: LimitChanges = {}) {
    this.#rows = Object.assign({}, ...tables) as LimitTable
    this.changes = changes
    for (const [name, value] of Object.entries(changes)) this.#check(name, value)
  }

  /** What is wrong with a value that a tenant has for a limit of its own; null when nothing is. */
  tenantProblem(name: string, value: number): string | null {
    const row = this.#find(name)
    if (row === null) return `unknown limit${this.#hint(name)}`
    if (row.tenant === undefined || row.range === undefined) {
      return `only the operator has a say in this limit, got ${quote(value)}`
    }
    const [least] = row.range
    const most = this.#valueOf(name)
    if (isWhole(value, [least, most])) return null
    const why = value > most ? '; a tenant may only lower it' : ''
    return `must be a whole number from ${least} to ${most}, got ${quote(value)}${why}`
  }

  #check(name: string, value: number): void {
    const row = this.#find(name)
    if (row === null) {
      throw new LimitError(`there is no limit ${quote(name)}${this.#hint(name)}`)
    }
    const { range, atMost } = row
    if (range === undefined) {
      const wanted = `it is fixed at ${row.default}`
      throw new LimitError(`${name} ${quote(value)}: this limit cannot be changed, ${wanted}`)
    }
    if (!isWhole(value, range)) {
      const wanted = `expected a whole number from ${range[0]} to ${range[1]}`
      throw new LimitError(`${name} ${quote(value)}: ${wanted}`)
    }
    if (atMost !== undefined && value > this.#valueOf(atMost)) {
      const wanted = `expected at most ${atMost}, which is ${this.#valueOf(atMost)}`
      throw new LimitError(`${name} ${quote(value)}: ${wanted}`)
    }
  }

  #find(name: string): LimitRow | null {
    return Object.hasOwn(this.#rows, name) ? this.#rows[name]! : null
  }

  #hint(name: string): string {
    return didYouMean(name, Object.keys(this.#rows))
  }

  #valueOf(name: string): number {
    return resolveLimit(this.#rows, this.changes, name)
  }
}

/** For whoever has no sandbox: the limits of the kernel at their defaults. */
export function createKernelLimits(): LimitBook {
  return new LimitBook([PLUGIN_LIMIT_ROWS])
}

function isWhole(value: number, [least, most]: readonly [number, number]): boolean {
  return Number.isSafeInteger(value) && value >= least && value <= most
}
