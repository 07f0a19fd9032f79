import { parseArgs } from 'node:util'
import { toWhole } from './options.ts'

export interface NeighboursOptions {
  /** Alternating pairs, quiet and beside an offender. */
  readonly pairs: number
  /** Length of one side of a pair. */
  readonly seconds: number
  /** Length of the load before it, which is not counted. */
  readonly warmupSeconds: number
  /** Rows whose name contains this. */
  readonly only: string
  readonly help: boolean
}

export const NEIGHBOURS_USAGE = `npm run bench:neighbours -- [flags]

  --pairs N     alternating pairs of a row, the victim alone and beside an offender (default 5)
  --seconds N   length of one side of a pair (default 8: the kills of an attack are a
                minute's worth)
  --warmup N    seconds of load before each side (default 1)
  --only TEXT   only rows whose name contains TEXT
  --help        print this`

/** Throws with one sentence that names the flag, quotes its value and says what is wanted. */
export function parseNeighboursOptions(argv: readonly string[]): NeighboursOptions {
  const { values } = parseArgs({
    args: [...argv],
    options: {
      pairs: { type: 'string', default: '5' },
      seconds: { type: 'string', default: '8' },
      warmup: { type: 'string', default: '1' },
      only: { type: 'string', default: '' },
      help: { type: 'boolean', default: false },
    },
  })
  return {
    // Each pair has an offender of its own, and each of these a process.
    pairs: toWhole('--pairs', values.pairs, { min: 1, max: 15 }),
    seconds: toWhole('--seconds', values.seconds, { min: 1, max: 60 }),
    warmupSeconds: toWhole('--warmup', values.warmup, { min: 0, max: 60 }),
    only: values.only,
    help: values.help,
  }
}
