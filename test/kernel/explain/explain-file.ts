import { definePlugin, toManifest } from '@sallyport/sdk'
import { runCommand } from '../../../kernel/cli/run.ts'
import type { Explanation } from '../../../kernel/explain/explain-request.ts'
import { SANDBOX_LIMIT_ROWS } from '../../../sandbox/limits.ts'
import type { Parts } from '../../../kernel/process/parts.ts'
import { createTestTerminal } from '../../support/terminal.ts'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Handlers and priority of a plugin that does nothing. */
export interface NamedPlugin {
  readonly name: string
  readonly priority: number
  /** As in our PHASES. */
  readonly phases: readonly string[]
}

export type Explained = Explanation & { readonly error?: string }

export interface Ran {
  readonly code: number
  readonly lines: readonly Explained[]
  readonly error: string
}

/** Runs `sallyport explain` on a configuration, with these questions (text: as it is). */
export async function explainFile(options: {
  file: object | string
  questions: readonly (object | string)[]
  plugins?: readonly NamedPlugin[]
  flags?: readonly string[]
}): Promise<Ran> {
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-explain-'))
  const { file } = options
  writeFileSync(join(folder, 'kong.yml'), typeof file === 'string' ? file : JSON.stringify(file))
  const input = options.questions.map((one) =>
    typeof one === 'string' ? one : JSON.stringify(one),
  )
  const terminal = createTestTerminal(folder, { input: input.join('\n') })
  const code = await runCommand({
    args: ['explain', '--config', 'kong.yml', ...(options.flags ?? [])],
    parts: {
      sandboxLimitRows: () => Promise.resolve(SANDBOX_LIMIT_ROWS),
      bundledPlugins: () => Promise.resolve((options.plugins ?? []).map(toPlugin)),
    } as unknown as Parts,
    program: { file: '/nowhere', args: [], execArgv: [] },
    version: '1.2.3',
    terminal,
  }).finally(() => rmSync(folder, { recursive: true }))
  const { out, error } = terminal.written
  const lines = out.split('\n').filter((line) => line !== '')
  return { code, lines: lines.map((line) => JSON.parse(line) as Explained), error }
}

function toPlugin({ name, priority, phases }: NamedPlugin) {
  const handlers = Object.fromEntries(phases.map((phase) => [phase, () => {}]))
  const plugin = definePlugin({ name, version: '1.0.0', priority, ...handlers })
  toManifest(plugin)
  return plugin
}
