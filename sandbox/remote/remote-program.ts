import type { PluginManifest } from '@sallyport/sdk'
import { checkManifest } from '../describe.ts'
import { type SandboxHostOptions, toGuestOptions } from '../host-options.ts'
import type { SandboxLimits } from '../limits.ts'
import { KillClock } from '../process/kill-clock.ts'
import { type Loaded, LoadedSandbox } from '../process/loaded-sandbox.ts'
import { SandboxProcess } from '../process/sandbox-process.ts'
import { connectRemote } from './connect.ts'
import type { RemoteLimits } from './remote-limits.ts'

export interface RemoteProgramOptions extends Pick<SandboxHostOptions, 'node' | 'trustedIps'> {
  readonly path: string
  readonly limits: SandboxLimits
  readonly remote: RemoteLimits
}

/** Best first: a program in another language need not know JSON, one in JavaScript reads it faster. */
const ENCODINGS = ['msgpack', 'json'] as const

/** Connects and shakes hands. Rejects with an Error that says what is wrong. */
export async function openRemote({
  path,
  limits,
  remote,
}: RemoteProgramOptions): Promise<LoadedSandbox> {
  const { connectMs } = remote
  let loaded: LoadedSandbox | null = null
  const program = new SandboxProcess({
    child: await connectRemote(path, connectMs),
    startMs: limits.startMs,
    stderrBytesMax: limits.stderrBytesMax,
    encodings: ENCODINGS,
    onDown: ({ reason }) => loaded?.onDown(reason),
  })
  loaded = new LoadedSandbox(program, limits)
  await program.ready
  return loaded
}

/** `name` is empty when it is not known yet. Rejects when the program serves another plugin or none. */
export async function loadRemote(
  loaded: LoadedSandbox,
  name: string,
  options: RemoteProgramOptions,
): Promise<{ manifest: PluginManifest; log: Loaded['log'] }> {
  const guestOptions = toGuestOptions(options.limits, options)
  const { manifest, log } = await loaded.load({ name, source: '' }, null, guestOptions)
  return { manifest: checkManifest(manifest), log }
}

/** A remote program has no CPU that could be seen here: only its silence counts. */
export function createSilenceClock(limits: SandboxLimits, remote: RemoteLimits): KillClock {
  return new KillClock({
    ...limits,
    killCpuMs: Number.POSITIVE_INFINITY,
    silenceMs: remote.silenceMs,
  })
}

/** What must stay as it was when the gateway started: chains and checks are made of it. */
const FIXED = ['name', 'priority', 'phases', 'schema', 'permissions', 'scopes'] as const

/** Throws when a program that was started anew is not what it was. */
export function checkUnchanged(expected: PluginManifest, manifest: PluginManifest): void {
  for (const field of FIXED) {
    if (JSON.stringify(manifest[field]) === JSON.stringify(expected[field])) continue
    throw new Error(
      `its program now serves another plugin: ${field} was ${JSON.stringify(expected[field])} when the gateway started and is ${JSON.stringify(manifest[field])}; start the gateway anew`,
    )
  }
}
