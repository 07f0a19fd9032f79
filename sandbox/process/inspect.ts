import type { InspectedLayer, SandboxAbility, SandboxInspection } from '../../kernel/plugin-host.ts'
import { findIsolatedVm } from '../isolate/load-isolated-vm.ts'
import type { SandboxLimits } from '../limits.ts'
import { describePriority } from './child-priority.ts'
import { describeLayers, type Layer, LAYERS, type LayerState } from './layers.ts'
import { type Platform, thisPlatform } from './platform.ts'
import { testSandbox } from './self-test.ts'
import { findRefused, toTrials } from './trials.ts'

export interface InspectOptions {
  readonly allowMissing: readonly SandboxAbility[]
  /** With V8's compilers, as `sandbox_jit` asks for. */
  readonly isJit: boolean
  readonly limits?: Partial<SandboxLimits>
  /** The layers around the child that is looked at; those of this platform unless it is a control. */
  readonly layers?: readonly Layer[]
}

/** Nothing is wrong with the kernel of a machine that says yes and means it; so look around it. */
const BROKEN_REMEDY =
  'this machine took the layer and does not hold it: look at the container or virtual machine around the gateway'

/**
 * Starts a sandbox host and tells what is around it and what it could do, for people: the same child,
 * the same trials and the same rule as when a tenant's plugin is about to start. Does not reject.
 */
export async function inspectSandbox(options: InspectOptions): Promise<SandboxInspection> {
  const { allowMissing, isJit, limits = {}, layers } = options
  let addon: string | null = null
  let platform: Platform | null = null
  try {
    addon = findIsolatedVm()
    platform = await thisPlatform()
    const report = await testSandbox({ isJit, limits, ...(layers === undefined ? {} : { layers }) })
    return {
      addon,
      failure: null,
      layers: inspectLayers(platform, report.layers, report.faults),
      priority: describePriority(),
      trials: toTrials(report),
      refused: findRefused(report, allowMissing),
    }
  } catch (error) {
    const states = platform === null ? [] : describeLayers(platform, isJit)
    return {
      addon,
      failure: (error as Error).message.trim(),
      layers: platform === null ? [] : inspectLayers(platform, states, null),
      priority: describePriority(),
      trials: [],
      refused: [],
    }
  }
}

/** `faults` are null when nobody could look. */
function inspectLayers(
  platform: Platform,
  states: readonly LayerState[],
  faults: readonly string[] | null,
): InspectedLayer[] {
  return states.map(({ name, denies, active, why }, index) => {
    if (!active) {
      const remedy = LAYERS[index]!.remedy(platform)
      return { name, denies, verdict: 'missing', why, remedy }
    }
    if (faults === null) return { name, denies, verdict: 'untried', why: null, remedy: null }
    const start = `${name}: `
    const fault = faults.find((each) => each.startsWith(start))
    if (fault === undefined) return { name, denies, verdict: 'active', why: null, remedy: null }
    const broken = fault.slice(start.length)
    return { name, denies, verdict: 'broken', why: broken, remedy: BROKEN_REMEDY }
  })
}
