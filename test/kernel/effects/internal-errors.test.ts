import { PDK_ERRORS } from '@sallyport/sdk'
import { describe, expect, it } from 'vitest'
import { answering, askAnswered, startTierGateway } from '../../support/tier-gateway.ts'
import { ALL_TIERS, TIERS } from '../../sandbox/tiers.ts'

const INNER = 'connect ECONNREFUSED 10.1.2.3'
const permissions = { vault: ['{vault://env/KEY}'] }

describe.each(TIERS)('an effect whose implementation fails, in the %s tier', (tier) => {
  it('tells the plugin INTERNAL and the operator what it was', async () => {
    const variables = {
      get KEY(): string {
        throw new Error(INNER)
      },
    }
    const gateway = await startTierGateway({
      tier,
      plugins: [{ name: 'p', permissions, body: answering(`pdk.vault.get('{vault://env/KEY}')`) }],
      gateway: { pluginGrants: { p: permissions }, effects: { variables } },
    })
    const message = `vault.get: ${PDK_ERRORS.INTERNAL}`
    expect(await askAnswered(gateway)).toEqual({ code: 'INTERNAL', message })
    const line = gateway.log.find(({ member }) => member === 'vault.get')
    expect(line).toMatchObject({ plugin: 'p', tenant: null, err: { message: INNER } })
  })
})

describe.each(ALL_TIERS)('a line that a plugin logs in the %s tier', (tier) => {
  it('carries the tenant that owns the instance', async () => {
    const gateway = await startTierGateway({
      tier,
      plugins: [
        { name: 'p', body: `access(pdk) { pdk.log.warn('here'); pdk.response.exit(200) }` },
      ],
      yaml: `
tenants: [{ name: acme }]
routes: [{ name: own, paths: [/own], tenant: acme }]
plugins: [{ name: p, route: own }, { name: p }]
`,
    })
    for (const path of ['/own', '/']) await (await fetch(gateway.url + path)).arrayBuffer()
    const lines = gateway.log.filter(({ msg }) => msg === 'here')
    expect(lines.map(({ tenant }) => tenant)).toEqual(['acme', null])
  })
})
