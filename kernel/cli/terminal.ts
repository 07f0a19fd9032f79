import { relative } from 'node:path'

/** Where a command writes what is meant for people, and where it finds its surroundings. */
export interface Terminal {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly folder: string
  readonly out: (text: string) => void
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
    out: (text) => void process.stdout.write(text),
    error: (text) => void process.stderr.write(text),
  }
}
