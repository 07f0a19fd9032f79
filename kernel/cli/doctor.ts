import { tellConfiguration } from '../doctor/configuration.ts'
import { tellAccessLog, tellPluginStore } from '../doctor/files.ts'
import { type Finding, type Section, type Told, ok, toReport, toTable } from '../doctor/finding.ts'
import { tellListeners } from '../doctor/listeners.ts'
import { tellMachine, thisMachine } from '../doctor/machine.ts'
import { tellAbilities, tellSandbox, tellTenants } from '../doctor/sandbox.ts'
import type { LimitBook } from '../limit-book.ts'
import { SettingError, readSettings } from '../read-settings.ts'
import { type Settings, toFileKey, toFlag } from '../settings.ts'
import { readLimits } from './read-limits.ts'
import type { CommandContext } from './run.ts'
import { EXIT_FAILED, EXIT_OK, toShown } from './terminal.ts'
import { readVersion } from './version.ts'

const JSON_FLAG = '--json'

/**
 * `sallyport doctor`: tells what this machine offers and whether `start` would work with the same
 * flags. Starts one sandbox host (two with `sandbox_jit`), listens on each address for a moment, and
 * leaves nothing behind. Resolves with 1 when something is a problem.
 */
export async function doctor(context: CommandContext): Promise<number> {
  const { terminal } = context
  const { env, folder } = terminal
  const args = context.args.filter((arg) => arg !== JSON_FLAG)
  const { settings, positionals } = readSettings({ command: 'doctor', args, env, folder })
  if (positionals.length > 0) {
    throw new SettingError(`doctor: unexpected "${positionals[0]}"; the file is given by --config`)
  }
  // Before anything is looked at: a limit that does not exist is a wrong flag.
  const limits = await readLimits(context.parts, settings.limits)
  const report = toReport(await examine(context, settings, limits))
  const isJson = args.length < context.args.length
  terminal.out(isJson ? `${JSON.stringify(report, null, 2)}\n` : toTable(report))
  return report.ok ? EXIT_OK : EXIT_FAILED
}

async function examine(
  { parts, terminal }: CommandContext,
  settings: Settings<'doctor'>,
  limits: LimitBook,
): Promise<Finding[]> {
  const {
    sandboxAllowMissing: allowMissing,
    sandboxJit: jit,
    config,
    pluginGrants: grants,
    vaultEnvPrefix,
  } = settings
  // One after the other: what is looked at should not have to share the machine with another look.
  const plain = await parts.inspectSandbox({
    allowMissing,
    isJit: false,
    limits: limits.changes,
  })
  const compiled =
    jit.length === 0
      ? null
      : await parts.inspectSandbox({ allowMissing, isJit: true, limits: limits.changes })
  const listeners = (['proxyListen', 'statusListen'] as const).map((key) => ({
    name: toFileKey(key),
    flag: toFlag(key),
    address: settings[key],
  }))
  const file = config === null ? null : { path: config, shown: toShown(config, terminal.folder) }
  const told: Readonly<Record<Section, readonly Told[]>> = {
    machine: [
      ok('sallyport', readVersion(import.meta.dirname)),
      ...tellMachine(thisMachine(), settings.workers),
    ],
    sandbox: tellSandbox(plain),
    abilities: tellAbilities(plain),
    tenants: tellTenants(plain, compiled, { allowMissing, jit }),
    configuration: [
      ...(await tellConfiguration(parts, {
        file,
        plugins: settings.plugin,
        grants,
        limits,
        vaultEnvPrefix,
        variables: terminal.env,
      })),
      await tellPluginStore(settings.pluginStore),
      ...(await tellListeners(listeners)),
      await tellAccessLog(settings.accessLog),
    ],
  }
  const sections = Object.entries(told) as [Section, readonly Told[]][]
  return sections.flatMap(([section, rows]) => rows.map((row) => ({ section, ...row })))
}
