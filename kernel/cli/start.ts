import type { Logger } from 'pino'
import { refuseUnknownPlugins } from '../effects/grants.ts'
import { openPluginStore } from '../effects/sqlite-store.ts'
import { watchDeclarativeFile } from '../config/file-source.ts'
import type { PluginStoreSetting } from '../effects/plugin-store.ts'
import { PluginLoadError, listPlugins } from '../process/plugin-listing.ts'
import { type PrimaryOptions, type RunningPrimary, startPrimary } from '../process/primary.ts'
import { readConfiguration } from '../process/read-configuration.ts'
import { ConfigurationRefused } from '../process/reloader.ts'
import { createSecretCheck } from '../process/secret-check.ts'
import { SettingError, readSettings } from '../read-settings.ts'
import { createLog, openDescriptor } from '../telemetry/log.ts'
import { readLimits } from './read-limits.ts'
import type { CommandContext } from './run.ts'
import { EXIT_FAILED, EXIT_OK, toShown } from './terminal.ts'

/** What may wait for a slow reader; workers are slowed down long before, at 16 KB. */
const OUTPUT_BYTES_MAX = 16 << 20
/** Npm and the terminal both pass on one Ctrl-C; two signals within this time are the same one. */
const SAME_SIGNAL_MS = 300

/** `sallyport start`: runs the gateway; resolves when it was told to stop and has. */
export async function start(context: CommandContext): Promise<number> {
  const { args, parts, program, terminal } = context
  const { env, folder } = terminal
  const { settings, positionals } = readSettings({ command: 'start', args, env, folder })
  if (positionals.length > 0) {
    throw new SettingError(`start: unexpected "${positionals[0]}"; the file is given by --config`)
  }
  const { config, logLevel } = settings
  const limits = await readLimits(parts, settings.limits)
  const stderr = openDescriptor(2, OUTPUT_BYTES_MAX)
  const log = createLog({ level: logLevel, base: { pid: process.pid }, destination: stderr })
  try {
    const plugins = await listPlugins(parts, settings.plugin, limits.changes)
    refuseUnknownPlugins(
      settings.pluginGrants,
      new Set(plugins.map(({ manifest }) => manifest.name)),
    )
    await checkPluginStore(settings.pluginStore)
    const checkInstance = createSecretCheck(plugins, {
      grants: settings.pluginGrants,
      vaultEnvPrefix: settings.vaultEnvPrefix,
      variables: env,
      needsSecrets: true,
    })
    return await run(log, {
      workers: settings.workers,
      proxyListen: settings.proxyListen,
      statusListen: settings.statusListen,
      accessLog: settings.accessLog,
      logLevel,
      gateway: {
        trustedIps: settings.trustedIps,
        headerNaming: settings.headerNames,
        allowDebugHeader: settings.debugHeader === 'on',
        pluginGrants: settings.pluginGrants,
        pluginStore: settings.pluginStore,
        vaultEnvPrefix: settings.vaultEnvPrefix,
        limits: limits.changes,
      },
      sandbox: { allowMissing: settings.sandboxAllowMissing, jit: settings.sandboxJit },
      drainMs: settings.drainTimeout,
      plugins,
      program,
      readConfiguration: () =>
        readConfiguration(config, toShown(config, folder), { plugins, limits, checkInstance }),
      watchConfiguration: (onChange) => watchDeclarativeFile(config, onChange),
      log,
      stdout: openDescriptor(1, OUTPUT_BYTES_MAX),
      stderr,
    })
  } catch (error) {
    const isOurs = error instanceof PluginLoadError || error instanceof ConfigurationRefused
    const lines = error instanceof ConfigurationRefused ? error.lines : [(error as Error).message]
    for (const line of lines) terminal.error(`sallyport: ${line}\n`)
    if (!isOurs) log.debug({ err: error }, 'the gateway could not start')
    return EXIT_FAILED
  }
}

/** A file that cannot be used is better known now than when a plugin needs it. */
async function checkPluginStore(setting: PluginStoreSetting): Promise<void> {
  if (setting === 'memory') return
  const store = await openPluginStore(setting, { onProblem: () => {} })
  store.close()
}

/** From the start to the end of the primary, with the signals in between. */
async function run(log: Logger, options: PrimaryOptions): Promise<number> {
  let primary: RunningPrimary | null = null
  let firstSignalMs = -Infinity
  const stopped = new Promise<void>((resolve) => {
    const onStop = () => {
      const sinceMs = performance.now() - firstSignalMs
      if (sinceMs < SAME_SIGNAL_MS) return
      // Before there is anything to drain: workers that were begun end with this process.
      if (primary === null) process.exit(EXIT_OK)
      if (sinceMs < Infinity) {
        primary.kill()
        process.exit(EXIT_FAILED)
      }
      firstSignalMs = performance.now()
      primary.stop().then(resolve, resolve)
    }
    process.on('SIGTERM', onStop)
    process.on('SIGINT', onStop)
  })
  process.on('SIGHUP', () => {
    log.info('SIGHUP: the configuration is read again')
    void primary?.reload()
  })
  process.on('SIGUSR2', () => primary?.reopenLogs())
  primary = await startPrimary(options)
  await stopped
  return EXIT_OK
}
