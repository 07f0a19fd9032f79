#!/usr/bin/env node
import { hostname } from 'node:os'
import { requireNode } from './node-version.ts'
import type { CommandContext } from './cli/run.ts'
import type { Tier } from './plugin-host.ts'
import type { Parts } from './process/parts.ts'

// Before anything else. What is imported statically is read before this line runs, and an old Node
// would fail there with words that help nobody: so all the rest is imported when it is needed.
requireNode()

/** The word that makes a worker of this program. It is no command: the primary says it. */
const WORKER = 'worker'

/** The composition root: kernel, sandbox and plugins meet in this file only. */
const parts: Parts = {
  bundledPlugins: async () => (await import('../plugins/index.ts')).BUNDLED_PLUGINS,
  readPluginSource: async (path, limits) => {
    const { withLimits } = await import('../sandbox/limits.ts')
    const { readPluginSource } = await import('../sandbox/plugin-source.ts')
    return readPluginSource(path, withLimits(limits).bundleBytesMax)
  },
  describePlugin: async (text, limits) =>
    (await import('../sandbox/describe.ts')).describePlugin({ ...text, limits }),
  describeRemote: async (origin, limits) =>
    (await import('../sandbox/remote/describe-remote.ts')).describeRemote(origin, {}, limits),
  sandboxLimitRows: async () => (await import('../sandbox/limits.ts')).SANDBOX_LIMIT_ROWS,
  hostFactories: async (
    tiers,
    { nodeId, log, counters, trustedIps, limits, sandbox: settings, onPoisoned },
  ) => {
    if (!['isolate', 'process', 'remote'].some((tier) => tiers.has(tier as Tier))) return {}
    const sandbox = await import('../sandbox/create-hosts.ts')
    const { createPluginLog } = await import('./telemetry/plugin-log.ts')
    const node = { id: nodeId, hostname: hostname() }
    const options = { log: createPluginLog(log), counters, node, trustedIps, limits, settings }
    const process = sandbox.createProcessHostFactory(options)
    const remote = sandbox.createRemoteHostFactory(options)
    if (!tiers.has('isolate')) return { process, remote }
    const isolate = sandbox.createIsolateHostFactory({ ...options, onPoisoned })
    return { process, remote, isolate }
  },
  inspectSandbox: async (choice) =>
    (await import('../sandbox/process/inspect.ts')).inspectSandbox(choice),
  createGateway: async (options) => {
    const { HTTP_LIMIT_ROWS } = await import('./http/limits.ts')
    const { resolveLimits } = await import('@sallyport/sdk/limits')
    const { createLeanDataPath } = await import('./http/lean/lean-data-path.ts')
    const { createGateway } = await import('./gateway.ts')
    const limits = resolveLimits(HTTP_LIMIT_ROWS, options.limits ?? {})
    return createGateway({ ...options, dataPath: createLeanDataPath(limits) })
  },
}

if (process.argv[2] === WORKER && process.connected) {
  const { runWorker } = await import('./process/worker.ts')
  runWorker(parts, process)
} else {
  process.exitCode = await command()
}

async function command(): Promise<number> {
  const { runCommand } = await import('./cli/run.ts')
  const { createTerminal } = await import('./cli/terminal.ts')
  const { readVersion } = await import('./cli/version.ts')
  return await runCommand({
    args: process.argv.slice(2),
    parts,
    program: workerProgram(),
    terminal: createTerminal(process),
    version: readVersion(import.meta.dirname),
  })
}

function workerProgram(): CommandContext['program'] {
  // isolated-vm asks for the first flag; without the second a source tree does not find its SDK.
  const fromSource = import.meta.filename.endsWith('.ts')
  const execArgv = ['--no-node-snapshot', ...(fromSource ? ['--conditions=source'] : [])]
  return { file: import.meta.filename, args: [WORKER], execArgv }
}
