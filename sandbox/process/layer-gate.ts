import type { SandboxAbility, SandboxCondition } from '../../kernel/plugin-host.ts'
import type { SandboxLogLine } from '../host-options.ts'
import type { SandboxLimits } from '../limits.ts'
import { type ChildReport, findFaults, toChildFacts } from './child-facts.ts'
import { describeLayers, LAYERS } from './layers.ts'
import { thisPlatform } from './platform.ts'
import type { SandboxProcess } from './sandbox-process.ts'
import type { SparePool } from './spare-pool.ts'
import { findPossible, findRefused } from './trials.ts'

/** The child may not hold a tenant's plugin; the message says what it could do, and what to set. */
class NotContained extends Error {
  override readonly name = 'NotContained'
}

export interface GateOptions {
  readonly allowMissing: readonly SandboxAbility[]
  readonly log: (line: SandboxLogLine) => void
}

export interface Guarded {
  /** The host's name. */
  readonly name: string
  readonly tenant: string | null
  readonly limits: SandboxLimits
  readonly isJit: boolean
}

/** What stands between a child that is ready and the plugins that are to be loaded into it. */
export interface Gate {
  /** Rejects with `NotContained` when a tenant's plugin may not start in it. */
  check(child: SandboxProcess, guarded: Guarded): Promise<SandboxCondition>
}

/** Takes a child that may hold the plugins of a host. Rejects when there is none. */
export async function takeContained(host: {
  readonly name: string
  readonly tenant: string | null
  readonly pool: SparePool
  readonly gate: Gate
  readonly isHurried: boolean
}): Promise<{ process: SandboxProcess; condition: SandboxCondition }> {
  const { name, tenant, pool, gate, isHurried } = host
  const process = await pool.take(isHurried)
  try {
    const { limits, isJit } = pool
    return { process, condition: await gate.check(process, { name, tenant, limits, isJit }) }
  } catch (error) {
    await process.end('it is not contained')
    throw error
  }
}

/**
 * Looks at every child before anything of a plugin is in it. A tenant's must be denied what a tenant's
 * must not have; for the others the operator is told, once for each thing.
 */
export class LayerGate implements Gate {
  readonly #options: GateOptions
  readonly #told = new Set<string>()

  constructor(options: GateOptions) {
    this.#options = options
  }

  async check(child: SandboxProcess, guarded: Guarded): Promise<SandboxCondition> {
    const { name, tenant, limits, isJit } = guarded
    const platform = await thisPlatform()
    const report = JSON.parse(await child.ready) as ChildReport
    const states = describeLayers(platform, isJit)
    const expected = LAYERS.filter((_, index) => states[index]!.active)
    const faults = findFaults(expected, toChildFacts(report, child.pid, limits))
    const possible = findPossible(report)
    const refused = findRefused(report, this.#options.allowMissing)
    for (const fault of faults) this.#tell(name, `a layer is not in force: ${fault}`)
    if (tenant !== null && refused.length > 0) throw toRefusal(tenant, refused, states)
    for (const ability of possible) this.#tell(name, `its sandbox is not denied: ${ability}`)
    const broken = new Set(faults.map((fault) => fault.split(':')[0]))
    const layers = states.map((state) => [state.name, state.active && !broken.has(state.name)])
    return { layers: Object.fromEntries(layers) as Record<string, boolean>, possible }
  }

  #tell(host: string, text: string): void {
    if (this.#told.has(text)) return
    this.#told.add(text)
    this.#options.log({ level: 'warn', host, text: `${text} (sallyport doctor tells more)` })
  }
}

function toRefusal(
  tenant: string,
  refused: readonly SandboxAbility[],
  states: readonly { readonly name: string; readonly why: string | null }[],
): NotContained {
  const missing = states.flatMap(({ name, why }) => (why === null ? [] : [`${name}: ${why}`]))
  const because = missing.length === 0 ? '' : `; missing here: ${missing.join(', ')}`
  return new NotContained(
    `no plugin of tenant "${tenant}" may start: its sandbox is not denied ${refused.join(', ')}${because}; ` +
      `sandbox_allow_missing: [${refused.join(', ')}] allows it all the same`,
  )
}
