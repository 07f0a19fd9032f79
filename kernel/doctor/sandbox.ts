import type {
  InspectedLayer,
  SandboxAbility,
  SandboxInspection,
  SandboxTrial,
} from '../plugin-host.ts'
import { ok, problem, skipped, type Told, warning } from './finding.ts'

const FAILED_STEP =
  'until a sandbox host starts, only plugins of the tier inline run: put right what it says'

/** What is around a sandbox host. */
export function tellSandbox({ addon, failure, layers, priority }: SandboxInspection): Told[] {
  if (addon === null) {
    const step = 'run npm ci on this machine, with Node 24 or 26'
    return [problem('isolated-vm', failure ?? 'there is no add-on', step)]
  }
  const host = [
    failure === null
      ? ok('isolated-vm', `loads: ${addon}`)
      : skipped('isolated-vm', `found, not loaded: ${addon}`),
    failure === null
      ? ok('sandbox host', 'starts')
      : problem('sandbox host', `does not start: ${failure}`, FAILED_STEP),
  ]
  return [...host, ...layers.map(tellLayer), tellPriority(priority)]
}

function tellPriority({ why, remedy }: SandboxInspection['priority']): Told {
  const what = 'sandboxes give way to the gateway, and to all others when they take too much'
  return why === null
    ? ok('priority', `active: ${what}`)
    : warning('priority', `in part: ${why}`, remedy)
}

function tellLayer({ name, denies, verdict, why, remedy }: InspectedLayer): Told {
  const what = `it takes away ${denies.join(', ')}`
  switch (verdict) {
    case 'active':
      return ok(name, `active: ${what}`)
    case 'untried':
      return skipped(name, 'not seen: there was no sandbox host to look at')
    case 'missing':
      return warning(name, `missing: ${why}; ${what}`, remedy)
    case 'broken':
      return warning(name, `not in force: ${why}; ${what}`, remedy)
  }
}

/** What it could do when it tried, one line for each ability. */
export function tellAbilities(inspection: SandboxInspection): Told[] {
  const byAbility = Map.groupBy(inspection.trials, ({ ability }) => ability)
  return [...byAbility].map(([ability, trials]) => tellAbility(ability, trials, inspection))
}

function tellAbility(
  ability: SandboxAbility,
  trials: readonly SandboxTrial[],
  { layers, refused }: SandboxInspection,
): Told {
  const whats = (possible: boolean) =>
    trials.filter((trial) => trial.possible === possible).map(({ what }) => what)
  const denied = whats(false).length === 0 ? '' : `denied: ${whats(false).join(', ')}`
  const possible = whats(true)
  if (possible.length === 0) return ok(ability, denied)
  const text = [`POSSIBLE: ${possible.join(', ')}`, denied].filter((part) => part !== '')
  if (!refused.includes(ability)) {
    return warning(ability, `${text.join('; ')}; sandbox_allow_missing allows it`, null)
  }
  return problem(ability, text.join('; '), toStep(ability, layers))
}

/** The first layer that would help and can be had; else what is left is to allow it. */
function toStep(ability: SandboxAbility, layers: readonly InspectedLayer[]): string {
  const helps = layers.find(
    ({ denies, verdict, remedy }) =>
      verdict !== 'active' && denies.includes(ability) && remedy !== null,
  )
  return helps === undefined
    ? `no layer that can be had here denies it: --sandbox-allow-missing ${ability} starts tenants all the same`
    : `${helps.remedy!} (${helps.name})`
}

export interface TenantChoices {
  /** Abilities that a tenant's sandbox may have. */
  readonly allowMissing: readonly SandboxAbility[]
  /** Sandboxes that run with V8's compilers. */
  readonly jit: readonly string[]
}

/** Whether a plugin of a tenant would be started, by the gateway's own rule. */
export function tellTenants(
  plain: SandboxInspection,
  jit: SandboxInspection | null,
  choices: TenantChoices,
): Told[] {
  const unused = choices.allowMissing.filter((ability) => !canDo(plain, ability))
  return [
    tellStart('every tenant', plain),
    ...(jit === null ? [] : [tellStart(`sandbox_jit: ${choices.jit.join(', ')}`, jit)]),
    // Nothing was tried where no sandbox host was started.
    ...(unused.length === 0 || plain.failure !== null
      ? []
      : [
          warning(
            'sandbox_allow_missing',
            `allows ${unused.join(', ')}, which this machine denies`,
            `take ${unused.join(', ')} out of sandbox_allow_missing`,
          ),
        ]),
  ]
}

function tellStart(name: string, inspection: SandboxInspection): Told {
  const { failure, refused, trials } = inspection
  if (failure !== null) {
    return problem(name, `cannot start: ${failure}`, 'see "Around a sandbox host" above')
  }
  if (refused.length > 0) {
    const flags = refused.map((ability) => `--sandbox-allow-missing ${ability}`).join(' ')
    return problem(
      name,
      `may not start: the sandbox is not denied ${refused.join(', ')}`,
      `do what is said above, or accept it: ${flags}`,
    )
  }
  const possible = new Set(trials.filter((trial) => trial.possible).map(({ ability }) => ability))
  return possible.size === 0
    ? ok(name, 'may start: the sandbox is denied all that it must not have')
    : warning(name, `may start, for sandbox_allow_missing allows ${[...possible].join(', ')}`, null)
}

function canDo({ trials }: SandboxInspection, ability: SandboxAbility): boolean {
  return trials.some((trial) => trial.ability === ability && trial.possible)
}
