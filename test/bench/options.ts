import { parseArgs } from 'node:util'

export interface BenchOptions {
  /** Length of one measurement. */
  readonly seconds: number
  /** Length of the load before it, which is not counted: V8 compiles meanwhile. */
  readonly warmupSeconds: number
  /** How often each row is measured; the median counts. */
  readonly rounds: number
  /** Rows whose name contains this, without case; their yardsticks always run too. */
  readonly only: string
  /** Pairs of the comparison at a fixed rate; 0 leaves it out. */
  readonly pairs: number
  /** Where to write all figures as JSON, or null. */
  readonly json: string | null
  readonly help: boolean
}

export const USAGE = `npm run bench -- [flags]

  --seconds N   length of one measurement (default 5)
  --warmup N    seconds of load before each measurement (default 2)
  --rounds N    rounds over all rows, A B C A B C; medians are printed (default 1)
  --only TEXT   only rows whose name contains TEXT, and their yardsticks
  --pairs N     also compare latencies at a fixed rate, half of a row's capacity, in N
                alternating pairs with its yardstick (default 0: do not)
  --json FILE   write every figure to FILE as well
  --help        print this`

/** Throws with one sentence that names the flag, quotes its value and says what is wanted. */
export function parseBenchOptions(argv: readonly string[]): BenchOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      seconds: { type: 'string', default: '5' },
      warmup: { type: 'string', default: '2' },
      rounds: { type: 'string', default: '1' },
      only: { type: 'string', default: '' },
      pairs: { type: 'string', default: '0' },
      json: { type: 'string' },
      help: { type: 'boolean', default: false },
    },
  })
  return {
    // Below a second one clock tick of /proc is more than one per cent.
    seconds: toWhole('--seconds', values.seconds, { min: 1, max: 600 }),
    warmupSeconds: toWhole('--warmup', values.warmup, { min: 0, max: 600 }),
    rounds: toWhole('--rounds', values.rounds, { min: 1, max: 100 }),
    only: values.only,
    pairs: toWhole('--pairs', values.pairs, { min: 0, max: 100 }),
    json: values.json ?? null,
    help: values.help,
  }
}

/** Throws with one sentence that names the flag, quotes its value and says what is wanted. */
export function toWhole(
  flag: string,
  value: string,
  { min, max }: { min: number; max: number },
): number {
  const number = /^\d+$/.test(value) ? Number(value) : Number.NaN
  if (number >= min && number <= max) return number
  throw new Error(`${flag} is "${value}": a whole number from ${min} to ${max} is wanted`)
}
