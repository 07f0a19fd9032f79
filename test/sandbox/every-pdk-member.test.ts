import {
  isAllowedIn,
  PDK_MEMBERS,
  type PdkMember,
  type Phase,
  PHASE_NAMES,
  wrongPhaseText,
} from '@sallyport/sdk'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { RequestContext } from '../../kernel/context.ts'
import type { Environment } from '../../kernel/environment.ts'
import { createInlineHostFactory } from '../../kernel/inline-host.ts'
import { PluginCall } from '../../kernel/plugin-call.ts'
import type { HostCall, PluginHost } from '../../kernel/plugin-host.ts'
import { makeCall, makeHostOptions, makePlugin } from '../support/host-call.ts'
import { PDK_ROWS } from './pdk-rows.ts'
import { startTierGateway, type TierGateway } from './tier-gateway.ts'
import { ALL_TIERS, prepareTier, type TierPlugins } from './tiers.ts'

const MEMBERS = Object.keys(PDK_MEMBERS) as PdkMember[]

test('every function of the PDK has a row, in a phase in which it may be called', () => {
  expect(Object.keys(PDK_ROWS).toSorted()).toEqual(MEMBERS.toSorted())
  for (const member of MEMBERS) {
    expect([member, isAllowedIn(member, PDK_ROWS[member].phase)]).toEqual([member, true])
  }
})

describe.each(ALL_TIERS)('in a phase in which it may be called, in the %s tier', (tier) => {
  let tiered: TierGateway
  beforeAll(async () => {
    tiered = await startTierGateway(tier)
  })
  afterAll(() => tiered.close())

  test.each(MEMBERS)('%s does what its row says', async (member) => {
    const { gives, answer, reaches, upstream = 'main', line } = PDK_ROWS[member]
    const reached = tiered[upstream]
    const before = reached.seen.length
    const received = await tiered.ask(member)
    expect(await tiered.told()).toEqual(['gives', gives])
    expect(received).toMatchObject(answer ?? {})
    if (reaches !== undefined) {
      expect(reached.seen).toHaveLength(before + 1)
      expect(reached.seen.at(-1)).toMatchObject(reaches)
    }
    if (line !== undefined) expect(tiered.gateway.log).toContainEqual(expect.objectContaining(line))
  })
})

/** The first phase in which a function must not be called; null when it may be called in all. */
function forbiddenPhaseOf(member: PdkMember): Phase | null {
  return PHASE_NAMES.find((phase) => !isAllowedIn(member, phase)) ?? null
}

const FORBIDDEN = MEMBERS.flatMap((member) => {
  const phase = forbiddenPhaseOf(member)
  return phase === null ? [] : [[member, phase] as const]
})

/** Calls the function that `ctx.plugin.member` names, with no arguments, and keeps what it threw. */
const CALLER = `
const call = (pdk) => {
  const own = pdk.ctx.plugin
  try {
    const names = own.member.split('.')
    const last = names.pop()
    names.reduce((object, name) => object[name], pdk)[last]()
    own.threw = 'nothing'
  } catch (error) {
    own.threw = [error.name, error.code, error.message]
  }
}`

/** A call whose `ctx.plugin` can be looked at afterwards, whatever the tier makes of it. */
function makeWatchedCall(
  member: PdkMember,
  phase: Phase,
): { call: HostCall; threw: () => unknown } {
  const plugin: Record<string, unknown> = { member }
  const ctx = { pendingOperations: [], pluginContexts: new Map([['key', plugin]]) }
  const step = { instanceKey: 'key', tenant: null, timeoutMs: 10_000 }
  const kernel = new PluginCall(
    ctx as unknown as RequestContext,
    step as unknown as PluginCall['step'],
    phase,
    {} as Environment,
  )
  const fake = makeCall({ key: 'key', phase, view: { ctx: { shared: {}, plugin } } })
  // `inline` works on the kernel's own PDK, the others on what crosses.
  const call = Object.assign(fake, { pdk: kernel.pdk })
  return { call, threw: () => fake.applied[0]?.plugin?.['threw'] ?? plugin['threw'] }
}

describe.each(ALL_TIERS)('in a phase in which it must not be called, in the %s tier', (tier) => {
  let host: PluginHost
  let prepared: TierPlugins
  beforeAll(async () => {
    const handlers = PHASE_NAMES.map((phase) => `${phase}: call`).join(', ')
    const { options } = makeHostOptions()
    prepared = await prepareTier(tier, [makePlugin('p', handlers, CALLER)], options)
    const factory = prepared.factory ?? createInlineHostFactory(() => ({}) as never)
    host = factory.createHost({ name: 'plugin:p', tenant: null, plugins: prepared.codes })
    await host.configure([{ key: 'key', id: 'id', pluginName: 'p', config: {} }])
  })
  afterAll(async () => {
    await host.close()
    await prepared.close()
  })

  test.each(FORBIDDEN)('%s in %s says which phases are right', async (member, phase) => {
    const { call, threw } = makeWatchedCall(member, phase)
    await host.call(call)
    expect(threw()).toEqual(['PdkError', 'WRONG_PHASE', wrongPhaseText(member, phase)])
  })
})

test('most functions have a phase in which they must not be called', () => {
  expect(FORBIDDEN.length).toBeGreaterThan(MEMBERS.length / 2)
})
