import { type PluginManifest, toManifest } from '@sallyport/sdk'
import { makeGuestLibrary } from './guest-library.ts'
import { toGuestOptions } from './host-options.ts'
import { type SandboxLimits, withLimits } from './limits.ts'
import { KillClock, TICK_MS } from './process/kill-clock.ts'
import { LoadedSandbox } from './process/loaded-sandbox.ts'
import { prepareLaunch } from './process/launch.ts'
import { readProcessUsage } from './process/process-usage.ts'
import { SandboxProcess } from './process/sandbox-process.ts'

/** Nobody's node: a plugin that is only read must not act on where it is. */
const NO_NODE = { id: '', hostname: '' }

/**
 * Runs a plugin's file in a sandbox to learn its name, version, priority, phases and schema. Rejects
 * with an Error that names the file and says what is wrong with it.
 */
export async function describePlugin(options: {
  source: string
  origin: string
  limits?: Partial<SandboxLimits>
}): Promise<PluginManifest> {
  const { source, origin } = options
  const limits = withLimits(options.limits)
  if (Buffer.byteLength(source) > limits.bundleBytesMax) {
    throw new Error(
      `${origin}: the plugin is ${Buffer.byteLength(source)} bytes long; up to ${limits.bundleBytesMax} are allowed`,
    )
  }
  const launch = await prepareLaunch()
  let sandbox: LoadedSandbox | null = null
  const child = new SandboxProcess({
    child: launch(limits),
    startMs: limits.startMs,
    stderrBytesMax: limits.stderrBytesMax,
    onDown: ({ reason }) => sandbox?.onDown(reason),
  })
  const loaded = new LoadedSandbox(child, limits)
  sandbox = loaded
  const clock = new KillClock(limits)
  const timer = setInterval(() => {
    const usage = child.pid === undefined ? null : readProcessUsage(child.pid)
    const reason = clock.tick(child, usage, performance.now())
    if (reason !== null) child.kill(reason)
  }, TICK_MS)
  try {
    await child.ready
    const plugin = { name: 'plugin', source }
    const library = await makeGuestLibrary()
    const { manifest } = await loaded.load(
      plugin,
      library,
      toGuestOptions(limits, { node: NO_NODE }),
    )
    return checkManifest(manifest)
  } catch (error) {
    throw new Error(`${origin}: ${(error as Error).message}`, { cause: error })
  } finally {
    clearInterval(timer)
    await child.end('it was only asked who it is')
  }
}

/**
 * The manifest came out of the sandbox and may be anything. It is turned back into a plugin's shape and
 * read again by the same rules.
 */
export function checkManifest(manifest: unknown): PluginManifest {
  if (typeof manifest !== 'object' || manifest === null) {
    throw new TypeError('the sandbox gave no manifest')
  }
  const fields = manifest as Record<string, unknown>
  const { name, version, priority, phases, schema, permissions, scopes } = fields
  if (!Array.isArray(phases)) throw new TypeError('the sandbox gave a manifest without phases')
  const handlers = (phases as unknown[]).map((phase) => [String(phase), () => undefined] as const)
  const config = schema === null ? {} : { config: schema }
  const asked = permissions === undefined ? {} : { permissions }
  return toManifest({
    ...Object.fromEntries(handlers),
    ...{ name, version, priority, scopes },
    ...config,
    ...asked,
  })
}
