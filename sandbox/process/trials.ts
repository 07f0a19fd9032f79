import type { SandboxAbility, SandboxTrial } from '../../kernel/plugin-host.ts'
import type { ChildReport } from './child-facts.ts'

interface TrialRow {
  readonly ability: SandboxAbility
  /** In words that follow "it can". */
  readonly what: string
  readonly found: (report: ChildReport) => boolean
}

/** What each ability is made of, in what a child found out about itself. */
const TRIALS: readonly TrialRow[] = [
  {
    ability: 'file',
    what: 'read a file',
    found: ({ abilities, native }) => abilities.file || native?.file === true,
  },
  {
    ability: 'file',
    what: 'write a file',
    found: ({ abilities, native }) => abilities.write || native?.write === true,
  },
  { ability: 'file', what: 'load native code', found: ({ abilities }) => abilities.addon },
  {
    ability: 'network',
    what: 'open a socket',
    found: ({ abilities, native }) => abilities.network || native?.network === true,
  },
  {
    ability: 'spawn',
    what: 'start a program',
    found: ({ abilities, native }) => abilities.spawn || native?.spawn === true,
  },
  {
    ability: 'kill',
    what: 'signal the gateway',
    found: ({ abilities, native }) => abilities.kill || native?.kill === true,
  },
  {
    ability: 'environment',
    what: 'see environment variables',
    found: ({ abilities }) => abilities.environment,
  },
]

export function toTrials(report: ChildReport): SandboxTrial[] {
  return TRIALS.map(({ ability, what, found }) => ({ ability, what, possible: found(report) }))
}

/** Abilities that a child turned out to have, of those that a tenant's must not have. */
export function findPossible(report: ChildReport): SandboxAbility[] {
  const possible = toTrials(report).filter((trial) => trial.possible)
  return [...new Set(possible.map(({ ability }) => ability))]
}

/** Those of them that keep a tenant's plugin from starting. */
export function findRefused(
  report: ChildReport,
  allowMissing: readonly SandboxAbility[],
): SandboxAbility[] {
  return findPossible(report).filter((ability) => !allowMissing.includes(ability))
}
