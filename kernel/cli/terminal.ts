import { once } from 'node:events'
import { relative } from 'node:path'

/** Where a command writes what is meant for people, and where it finds its surroundings. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly folder: string
  /** What comes on standard input. */
  readonly input: AsyncIterable<Uint8Array>
  readonly out: (text: string) => void
  /** Waits for whoever reads the output, as far as that is worth it; false: nobody does any more. */
  readonly drained: () => Promise<boolean>
  readonly error: (text: string) => void
}

export const EXIT_OK = 0
/** The command could not do what it was asked to. */
export const EXIT_FAILED = 1
/** It was asked wrongly: an unknown flag, a bad value. */
export const EXIT_USAGE = 2

/** A path as people read it: from the working directory where it is below that. */
export function toShown(path: string, folder: string): string {
  const shown = relative(folder, path)
  return shown.startsWith('..') ? path : shown
}

export function createTerminal(process: NodeJS.Process): Terminal {
  const { stdout } = process
  const gone = Promise.withResolvers<void>()
  let isRead = true
  // A reader that has seen enough, like `head`, is no failure.
  stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    isRead = false
    gone.resolve()
  })
  return {
    env: process.env,
    folder: process.cwd(),
    input: process.stdin,
    out: (text) => void stdout.write(text),
    drained: async () => {
      if (stdout.writableNeedDrain && isRead)
        await Promise.race([once(stdout, 'drain'), gone.promise])
      return isRead
    },
    error: (text) => void process.stderr.write(text),
  }
}
