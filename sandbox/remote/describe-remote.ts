import type { PluginManifest } from '@sallyport/sdk'
import { setTimeout as sleep } from 'node:timers/promises'
import { type SandboxLimits, withLimits } from '../limits.ts'
import { TICK_MS } from '../process/kill-clock.ts'
import { toSocketPath } from './connect.ts'
import { REMOTE_LIMITS, type RemoteLimits } from './remote-limits.ts'
import {
  createSilenceClock,
  loadRemote,
  openRemote,
  type RemoteProgramOptions,
} from './remote-program.ts'

/** Nobody's node: a program that is only asked who it is must not act on where it is. */
const NO_NODE = { id: '', hostname: '' }

/**
 * Asks a remote program which plugin it serves; waits for it to be there, as it may have been started
 * together with the gateway. Rejects with an Error that names the socket and says what is wrong.
 */
export async function describeRemote(
  origin: string,
  changed?: Partial<RemoteLimits>,
  limits?: Partial<SandboxLimits>,
): Promise<PluginManifest> {
  const options: RemoteProgramOptions = {
    path: toSocketPath(origin),
    node: NO_NODE,
    limits: withLimits(limits),
    remote: { ...REMOTE_LIMITS, ...changed },
  }
  const { findMs, backOffMs } = options.remote
  const untilMs = performance.now() + findMs
  for (;;) {
    try {
      return await ask(options)
    } catch (error) {
      const isThere = (error as Error).cause !== undefined
      if (isThere || performance.now() + backOffMs > untilMs) {
        throw new Error(`${origin}: ${(error as Error).message}`, { cause: error })
      }
      await sleep(backOffMs)
    }
  }
}

/** An error with a cause is the answer of a program that is there. */
async function ask(options: RemoteProgramOptions): Promise<PluginManifest> {
  const loaded = await openRemote(options)
  const clock = createSilenceClock(options.limits, options.remote)
  const timer = setInterval(() => {
    const reason = clock.tick(loaded.process, null, performance.now())
    if (reason !== null) loaded.process.kill(reason)
  }, TICK_MS)
  try {
    return (await loadRemote(loaded, '', options)).manifest
  } catch (error) {
    throw new Error((error as Error).message, { cause: error })
  } finally {
    clearInterval(timer)
    await loaded.process.end('it was only asked who it is')
  }
}
