import { describe, expect, it } from 'vitest'
import { PLUGIN_LIMITS } from '../../kernel/plugin-limits.ts'
import { startTierGateway } from '../support/tier-gateway.ts'
import { ALL_TIERS } from '../sandbox/tiers.ts'

const { chunkGrowthBytesMax } = PLUGIN_LIMITS

/** Answers with so many bytes at the end, whatever came; a handler that catches gets no further. */
const body = (bytes: number) => `bodyFilter(pdk) {
  try { pdk.response.setChunk(pdk.response.isLast() ? 'x'.repeat(${bytes}) : '') } catch {}
}`

describe.each(ALL_TIERS)('a chunk that bodyFilter gives back, in the %s tier', (tier) => {
  it('may be as large as its limit', async () => {
    const plugins = [{ name: 'p', body: body(chunkGrowthBytesMax) }]
    const { url } = await startTierGateway({ tier, plugins })
    const answer = await fetch(url)
    expect((await answer.text()).length).toBe(chunkGrowthBytesMax)
  })

  it('aborts the connection when it has grown beyond that', async () => {
    const plugins = [{ name: 'p', body: body(chunkGrowthBytesMax + 100_000) }]
    const gateway = await startTierGateway({ tier, plugins })
    const read = fetch(gateway.url).then((answer) => answer.text())
    await expect(read).rejects.toThrow()
    await gateway.logged(1)
    expect(JSON.stringify(gateway.accessLog[0])).toContain('bodyFilter gave back a chunk of')
  })
})

it('a filter may keep a large body back until its end', async () => {
  const kept = 3 * chunkGrowthBytesMax
  const filler = `response(pdk) { pdk.response.setRawBody('x'.repeat(${kept})) }`
  const { url } = await startTierGateway({
    tier: 'inline',
    plugins: [
      { name: 'filler', body: filler },
      { name: 'keeper', body: body(kept) },
    ],
  })
  expect((await (await fetch(url)).text()).length).toBe(kept)
})
