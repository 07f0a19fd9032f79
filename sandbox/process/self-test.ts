import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { type SandboxLimits, toProcessLimits, withLimits } from '../limits.ts'
import { type ChildReport, findFaults, toChildFacts } from './child-facts.ts'
import { type ChildHandle, prepareLaunch } from './launch.ts'
import { activeLayers, describeLayers, type Layer, type LayerState } from './layers.ts'
import { thisPlatform } from './platform.ts'
import { SandboxProcess } from './sandbox-process.ts'

/** What a process has said before it ended is read by then; somebody else may hold its stderr open. */
const LAST_WORDS_MS = 500

export interface SandboxReport extends ChildReport {
  /** What is applied on this platform, and why the rest is not. */
  readonly layers: readonly LayerState[]
  /** Layers that should be in force and are not, one sentence for each. */
  readonly faults: readonly string[]
}

export interface SelfTestOptions {
  readonly limits?: Partial<SandboxLimits>
  /** The layers around the child that is tested; those of this platform unless it is a control. */
  readonly layers?: readonly Layer[]
  /** With V8's compilers, as `sandbox_jit` asks for; default false. */
  readonly isJit?: boolean
}

/**
 * Starts a sandbox host, asks what it can still do and looks at it from outside. The child is measured
 * against the layers of this platform. Rejects when none can be started.
 */
export async function testSandbox(options: SelfTestOptions = {}): Promise<SandboxReport> {
  const { isJit = false } = options
  const limits = toProcessLimits(withLimits(options.limits), isJit)
  const platform = await thisPlatform()
  const expected = activeLayers(platform, isJit)
  const launch = await prepareLaunch({ isJit, layers: options.layers ?? expected })
  const launched = launch(limits)
  const child = new SandboxProcess({
    child: launched,
    startMs: limits.startMs,
    stderrBytesMax: limits.stderrBytesMax,
    onDown: () => undefined,
  })
  try {
    const report = JSON.parse(await child.ready) as ChildReport
    const faults = findFaults(expected, toChildFacts(report, child.pid, limits))
    return { ...report, layers: describeLayers(platform, isJit), faults }
  } catch (error) {
    // Its end is often seen before what it said of it.
    await child.end('it did not start')
    await lastWords(launched.process)
    const said = child.stderr === '' ? '' : `; it said: ${child.stderr}`
    throw new Error(`${(error as Error).message}${said}`, { cause: error })
  } finally {
    await child.end('it was only tested')
  }
}

/** Resolves when all of its stderr was read. */
async function lastWords({ stderr }: ChildHandle): Promise<void> {
  if (stderr === null || stderr.closed) return
  const over = new AbortController()
  const waited = sleep(LAST_WORDS_MS, undefined, { signal: over.signal }).catch(() => undefined)
  await Promise.race([once(stderr, 'close'), waited])
  over.abort()
}
