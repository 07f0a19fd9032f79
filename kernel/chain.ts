import { type Phase, PHASE_NAMES, PHASES } from '@sallyport/sdk'
import type { InstanceMeter } from './instance-meters.ts'
import type { PluginHost } from './plugin-host.ts'
import type { PluginLimits } from './plugin-limits.ts'
import type { StepCondition } from './step-condition.ts'
import { orderSteps } from './step-order.ts'

export type OnError = 'fail' | 'skip'

/** Which steps must come before or after which plugins, by phase. */
export interface Ordering {
  readonly before?: { readonly [P in Phase]?: readonly string[] }
  readonly after?: { readonly [P in Phase]?: readonly string[] }
}

/** One plugin instance in a chain, compiled: everything the runner needs, nothing to look up. */
export interface Step {
  readonly pluginName: string
  /** The entity's id. */
  readonly instanceId: string
  readonly instanceName: string | null
  /** `InstanceSpec.key` */
  readonly instanceKey: string
  readonly config: unknown
  readonly tenant: string | null
  readonly priority: number
  /** The handlers it has, as bits of `PHASES`. */
  readonly phaseBits: number
  readonly host: PluginHost
  readonly onError: OnError
  readonly timeoutMs: number
  readonly limits: PluginLimits
  readonly ordering: Ordering | null
  /** The step runs only in requests for which it holds. */
  readonly condition: StepCondition | null
  /** Like `route+consumer` or `global`; `global_plugins` for an additional instance. */
  readonly scope: string
  /** An instance of `global_plugins`: runs besides the one that its plugin's name resolves to. */
  readonly additional: boolean
  readonly meter: InstanceMeter
}

let chainCount = 0

/** The steps for one combination of scopes, ordered, per phase. */
export class Chain {
  /** Unique in this process, for keys of caches. */
  readonly id = ++chainCount
  /** Every step in the order of `access`, also those without a handler there. */
  readonly steps: readonly Step[]
  readonly #byPhase: Readonly<Record<Phase, readonly Step[]>>
  /** Whether the upstream's answer must be collected before anything is sent. */
  readonly buffersAnswer: boolean
  readonly filtersBody: boolean

  constructor(steps: readonly Step[]) {
    this.steps = orderSteps(steps, 'access')
    const byPhase = {} as Record<Phase, readonly Step[]>
    for (const phase of PHASE_NAMES) {
      const { bit } = PHASES[phase]
      byPhase[phase] = orderSteps(steps, phase).filter((step) => (step.phaseBits & bit) !== 0)
    }
    this.#byPhase = byPhase
    this.buffersAnswer = byPhase.response.length > 0
    this.filtersBody = byPhase.bodyFilter.length > 0
  }

  in(phase: Phase): readonly Step[] {
    return this.#byPhase[phase]
  }
}

/**
 * The chain after a consumer was authenticated in the middle of `access`: names whose place in the
 * order `access` has passed keep the instance they were resolved to, or none; all others are
 * resolved anew.
 */
export function mergeChains(before: Chain, after: Chain, lastRun: Step): Chain {
  if (before === after) return before
  const resolved = new Set(before.steps.map((step) => step.pluginName))
  const fresh = after.steps.filter((step) => !step.additional && !resolved.has(step.pluginName))
  const order = orderSteps([...before.steps, ...fresh], 'access')
  const passed = order.slice(0, order.indexOf(lastRun) + 1)
  const passedNames = new Set(
    passed.filter((step) => !step.additional).map((step) => step.pluginName),
  )
  const kept = before.steps.filter((step) => passed.includes(step))
  const rest = after.steps.filter((step) =>
    step.additional ? !kept.includes(step) : !passedNames.has(step.pluginName),
  )
  return new Chain([...kept, ...rest])
}
