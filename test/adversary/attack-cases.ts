import { readFileSync } from 'node:fs'

type AttackGroup = 'escape' | 'cpu' | 'memory' | 'io' | 'cross-tenant' | 'supply-chain' | 'protocol'

/** One recorded attack; what `snippet` is depends on the group. */
interface AttackCase {
  readonly id: string
  readonly group: AttackGroup
  readonly idea: string
  readonly snippet: string
  readonly expected: string
}

const ATTACK_CASES = JSON.parse(
  readFileSync(new URL('../cases/attacks.json', import.meta.url), 'utf8'),
) as readonly AttackCase[]

/** Groups whose snippets are the body of `async function onRequest(ctx)`. */
const CODE_GROUPS: ReadonlySet<AttackGroup> = new Set([
  'escape',
  'cpu',
  'memory',
  'io',
  'cross-tenant',
])

export const CODE_CASES = ATTACK_CASES.filter(({ group }) => CODE_GROUPS.has(group))

export function casesOf(group: AttackGroup): readonly AttackCase[] {
  return ATTACK_CASES.filter((each) => each.group === group)
}

export function attackCase(id: string): AttackCase {
  const found = ATTACK_CASES.find((each) => each.id === id)
  if (found === undefined) throw new Error(`there is no attack "${id}"`)
  return found
}

/**
 * Everything is attacked by `npm run test:adversary`; within the ordinary suite a few cases of each
 * kind, so that the harness and the ways of containment stay tested.
 */
export const ATTACKS_ALL = process.env['ADVERSARY'] === 'all'

export function chosen(ids: readonly string[], slice: readonly string[]): readonly string[] {
  return ATTACKS_ALL ? ids : ids.filter((id) => slice.includes(id))
}
