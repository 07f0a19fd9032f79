import { relative } from 'node:path'

/** Where a command writes what is meant for people, and where it finds its surroundings. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly folder: string
  /** What comes on standard input. */
  readonly input: AsyncIterable<Uint8Array>
  /** Returns a promise when whoever reads it is slow and should be waited for. */
  readonly out: (text: string) => void | Promise<void>
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
  return {
    env: process.env,
    folder: process.cwd(),
    input: process.stdin,
    out: (text) => writeOut(process, text),
    error: (text) => void process.stderr.write(text),
  }
}

function writeOut(process: NodeJS.Process, text: string): void | Promise<void> {
  const { stdout } = process
  // A reader that has seen enough, like `head`, is no failure.
  if (stdout.listenerCount('error') === 0) {
    stdout.on('error', (error: NodeJS.ErrnoException) => {
      if (error.code === 'EPIPE') process.exit(EXIT_OK)
      throw error
    })
  }
  if (stdout.write(text)) return
  return new Promise((resolve) => stdout.once('drain', resolve))
}
