import { resolve } from 'node:path'
import { compileSnapshot } from '../compiled-snapshot.ts'
import { Explainer } from '../explain/explain-request.ts'
import { LINE_BYTES_MAX, readLines } from '../explain/lines.ts'
import { QuestionError, readQuestion } from '../explain/read-question.ts'
import { WhyNot } from '../explain/why-not.ts'
import { InstanceMeter } from '../instance-meters.ts'
import type { PluginHost } from '../plugin-host.ts'
import type { HostLease } from '../plugin-hosts.ts'
import { listPlugins } from '../process/plugin-listing.ts'
import { readConfiguration } from '../process/read-configuration.ts'
import { readSettings, SettingError } from '../read-settings.ts'
import { RegexInputError } from '../safe-regex.ts'
import { readLimits } from './read-limits.ts'
import { tellRefusal } from './refusal.ts'
import type { CommandContext } from './run.ts'
import { EXIT_OK, toShown } from './terminal.ts'

/**
 * `sallyport explain`: for each request on stdin, a line of JSON, which route it matches and what
 * would run. No plugin runs and nothing is sent. A line that cannot be read is answered with
 * `{"error": ..}`, and the others go on.
 */
export async function explain(context: CommandContext): Promise<number> {
  const { terminal } = context
  let explainer: Explainer
  try {
    explainer = await createExplainer(context)
  } catch (error) {
    return tellRefusal(error, terminal)
  }
  for await (const line of readLines(terminal.input)) {
    terminal.out(`${JSON.stringify(await answer(explainer, line))}\n`)
    if (!(await terminal.drained())) break
  }
  return EXIT_OK
}

async function createExplainer({ args, parts, terminal }: CommandContext): Promise<Explainer> {
  const { env, folder } = terminal
  const { settings, positionals } = readSettings({ command: 'explain', args, env, folder })
  if (positionals.length > 0) {
    throw new SettingError(
      `explain: unexpected "${positionals[0]}"; the file is given by --config, requests come on stdin`,
    )
  }
  const limits = await readLimits(parts, settings.limits)
  const plugins = await listPlugins(parts, settings.plugin, limits.changes)
  const path = resolve(folder, settings.config)
  const shown = toShown(path, folder)
  const { entities, hash, warnings } = await readConfiguration(path, shown, {
    plugins,
    limits,
    explains: true,
  })
  for (const warning of warnings) terminal.error(`${warning}\n`)
  const snapshot = await compileSnapshot(
    { version: 1, hash, entities },
    new Map(plugins.map((plugin) => [plugin.manifest.name, plugin])),
    {
      lease: () => Promise.resolve(NO_HOSTS),
    },
  )
  const whyNot = settings.why === 'on' ? new WhyNot(entities.routes) : null
  return new Explainer(snapshot, entities, whyNot)
}

async function answer(explainer: Explainer, line: string | null): Promise<object> {
  if (line === null) return { error: `the line is longer than ${LINE_BYTES_MAX} bytes` }
  try {
    return await explainer.explain(readQuestion(line))
  } catch (error) {
    if (error instanceof QuestionError || error instanceof RegexInputError) {
      return { error: error.message }
    }
    throw error
  }
}

/** Steps of an explanation are listed, never called. */
const NO_HOSTS: HostLease = {
  hostOf: () => NO_HOST,
  meterOf: (instance) => new InstanceMeter(instance),
  release: () => Promise.resolve(),
}
const NO_HOST = {
  name: 'none',
  call() {
    throw new Error('an explanation runs no plugin')
  },
} as unknown as PluginHost
