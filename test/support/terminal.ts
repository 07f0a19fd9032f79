import type { Terminal } from '../../kernel/cli/terminal.ts'

export interface TestTerminal extends Terminal {
  /** What was written so far. */
  readonly written: { out: string; error: string }
}

/** A terminal in a folder, with this on its standard input. */
export function createTestTerminal(
  folder: string,
  options: { input?: string; env?: Terminal['env'] } = {},
): TestTerminal {
  const written = { out: '', error: '' }
  return {
    env: options.env ?? {},
    folder,
    input: toStream(options.input ?? ''),
    drained: () => Promise.resolve(true),
    out: (text) => void (written.out += text),
    error: (text) => void (written.error += text),
    written,
  }
}

/** Cut anywhere, as a pipe does. */
async function* toStream(text: string) {
  const bytes = Buffer.from(text)
  for (let at = 0; at < bytes.length; at += 13) yield bytes.subarray(at, at + 13)
}
