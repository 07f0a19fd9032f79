import { PDK_MEMBERS, type PdkMember, PHASE_NAMES, type Phase } from '@sallyport/sdk'
import { afterAll, describe, expect, it } from 'vitest'
import type { Step } from '../../kernel/chain.ts'
import type { RequestContext } from '../../kernel/context.ts'
import type { Environment } from '../../kernel/environment.ts'
import type { PluginHost } from '../../kernel/plugin-host.ts'
import { PluginCall } from '../../kernel/plugin-call.ts'
import { makeCall, makePlugin } from '../support/host-call.ts'
import { startHost, TIERS } from './tiers.ts'

/** Arguments with which a member could be called. */
const ARGUMENTS: Readonly<Record<string, string>> = {
  'http.fetch': `'http://api.test/'`,
  'cache.get': `'k'`,
  'cache.set': `'k', 1`,
  'cache.delete': `'k'`,
  'store.get': `'k'`,
  'store.set': `'k', 1`,
  'store.add': `'k', 1`,
  'store.delete': `'k'`,
  'store.list': '',
  'vault.get': `'{vault://env/x}'`,
  'crypto.hash': `'sha256', 'x'`,
  'crypto.hmac': `'sha256', 'k', 'x'`,
  'crypto.equals': `'a', 'b'`,
  'crypto.randomBytes': '8',
  'crypto.verify': `{ algorithm: 'HS256', key: 'k', signature: new Uint8Array(32), data: '' }`,
}
const REACHING = /^(?:http|cache|store|vault|crypto)\./
const members = (Object.keys(PDK_MEMBERS) as PdkMember[]).filter((name) => REACHING.test(name))

function phasesOf(member: PdkMember): { allowed: readonly Phase[]; forbidden: readonly Phase[] } {
  const { phases } = PDK_MEMBERS[member]
  return { allowed: phases, forbidden: PHASE_NAMES.filter((phase) => !phases.includes(phase)) }
}

const handlers = PHASE_NAMES.map(
  (phase) => `async ${phase}(pdk) {
    const members = { ${members.map((name) => `'${name}': () => pdk.${name}(${ARGUMENTS[name]})`).join(', ')} }
    try { await members[pdk.ctx.plugin.member](); pdk.log.info('called') }
    catch (error) { pdk.log.info(error.code + ': ' + error.message) }
  }`,
).join(',\n')

describe.each(TIERS)('a member that reaches beyond the request, in the %s tier', (tier) => {
  const started = startHost(tier, [makePlugin('p', handlers)])
  const hosts: PluginHost[] = []
  afterAll(async () => {
    hosts.push((await started).host)
    await Promise.all(hosts.map((host) => host.close()))
  })

  it.each(members)('%s can be called in its phases and in no other', async (member) => {
    const { host } = await started
    for (const phase of PHASE_NAMES) {
      const call = makeCall({
        key: 'key',
        phase,
        view: { ctx: { shared: {}, plugin: { member } } },
        effect: () => Promise.resolve({ body: { base64: '' } }),
      })
      await host.call(call)
      const [[, said]] = call.applied[0]!.changes as [[string, string]]
      const isAllowed = phasesOf(member).allowed.includes(phase)
      expect(
        call.effects.map(([name]) => name),
        phase,
      ).toEqual(isAllowed ? [member] : [])
      if (isAllowed) expect(said, phase).toBe('called')
      else expect(said, phase).toMatch(/^WRONG_PHASE: .* it can be called in: /)
    }
  })
})

describe('a member that reaches beyond the request, in the kernel', () => {
  /** Enough of a call for what comes before the work itself. */
  function callIn(phase: Phase): PluginCall {
    const ctx = { pendingOperations: [] } as unknown as RequestContext
    return new PluginCall(ctx, {} as Step, phase, {} as Environment)
  }

  it.each(members)(
    '%s is refused in every other phase, inline and from a sandbox',
    async (member) => {
      const { forbidden } = phasesOf(member)
      expect(forbidden.length).toBeGreaterThan(0)
      const [namespace, name] = member.split('.') as [keyof PluginCall['pdk'], string]
      for (const phase of forbidden) {
        const inline = callIn(phase).pdk[namespace] as unknown as Record<string, () => unknown>
        expect(() => inline[name]!(), phase).toThrow(/cannot be called in/)
        await expect(callIn(phase).effect(member, []), phase).rejects.toMatchObject({
          code: 'WRONG_PHASE',
        })
      }
    },
  )
})
