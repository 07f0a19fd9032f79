import { type SandboxLimits, withLimits } from '../limits.ts'
import { prepareLaunch } from './launch.ts'
import { describeLayers, type LayerState, thisPlatform } from './layers.ts'
import type { Abilities } from './probe.ts'
import { SandboxProcess } from './sandbox-process.ts'

export interface SandboxReport {
  /** What is applied on this platform, and why the rest is not. */
  readonly layers: readonly LayerState[]
  /** What a child, with all of them, turned out to be able to do when it tried. */
  readonly abilities: Abilities
}

/** Starts a sandbox host and asks what it can still do. Rejects when none can be started. */
export async function testSandbox(changed?: Partial<SandboxLimits>): Promise<SandboxReport> {
  const limits = withLimits(changed)
  const launch = await prepareLaunch()
  const child = new SandboxProcess({
    child: launch(limits),
    startMs: limits.startMs,
    stderrBytesMax: limits.stderrBytesMax,
    onDown: () => undefined,
  })
  try {
    const { abilities } = JSON.parse(await child.ready) as { abilities: Abilities }
    return { layers: describeLayers(thisPlatform()), abilities }
  } finally {
    await child.end('it was only tested')
  }
}
