import { afterEach, describe, expect, it } from 'vitest'
import type { PluginHost } from '../../kernel/plugin-host.ts'
import { makeCall, makeHostOptions, makePlugin } from '../support/host-call.ts'
import { prepareTier, TIERS, type TierPlugins } from './tiers.ts'

const started: [PluginHost, TierPlugins][] = []
afterEach(async () => {
  for (const [host, prepared] of started.splice(0)) {
    await host.close()
    await prepared.close()
  }
})

describe.each(TIERS)('a body of the full size in the %s tier', (tier) => {
  async function start(limits: Record<string, number>, handler: string): Promise<PluginHost> {
    const { options } = makeHostOptions({ limits })
    const prepared = await prepareTier(tier, [makePlugin('p', handler)], options)
    const plugins = prepared.codes
    const host = prepared.factory!.createHost({ name: 'tenant:acme', tenant: 'acme', plugins })
    started.push([host, prepared])
    await host.configure([{ key: 'key', id: 'id', pluginName: 'p', config: {} }])
    return host
  }

  it('that is a text goes out within what a handler has, again and again', async () => {
    // What crosses must not pile up: the sandbox would be killed for its memory.
    const limits =
      tier === 'process' ? { childRssBytesMax: 128 * 1024 * 1024 } : { isolateHandlerMs: 2_000 }
    const text = 'one "text" '.repeat(80_000)
    const host = await start(
      limits,
      `access(pdk) { pdk.service.request.setRawBody('one "text" '.repeat(80000)) }`,
    )
    for (let i = 0; i < 60; i++) {
      const call = makeCall({ key: 'key' })
      await host.call(call)
      expect(call.applied[0]!.changes[0]![1]).toBe(text)
    }
    expect(host.stats()).toMatchObject({ kills: 0, timeouts: 0 })
  })

  it('that is a text of quotes goes out as one of anything else', async () => {
    const limits =
      tier === 'process' ? { guestTurnMs: 2_000, killCpuMs: 4_000 } : { isolateHandlerMs: 2_000 }
    const host = await start(
      limits,
      `access(pdk) { pdk.service.request.setRawBody('"'.repeat(1048576)) }`,
    )
    const call = makeCall({ key: 'key' })
    await host.call(call)
    const sent = call.applied[0]!.changes[0]![1] as { base64: string }
    expect(Buffer.from(sent.base64, 'base64').equals(Buffer.alloc(1_048_576, '"'))).toBe(true)
  })

  it('comes in and goes out within what a handler has', async () => {
    // The deadlines of the process tier are the real ones: what is tested is that they suffice.
    const limits = tier === 'process' ? {} : { isolateHandlerMs: 2_000 }
    const host = await start(
      limits,
      `async access(pdk) {
        const { body } = await pdk.http.fetch('http://api.test/')
        pdk.service.request.setRawBody(body.subarray(1))
        pdk.log.info(body.length, ' ', body[1], ' ', body.at(-1))
      }`,
    )
    const body = Buffer.alloc(1_048_576, 'abc')
    const call = makeCall({
      key: 'key',
      effect: () => Promise.resolve({ status: 200, headers: {}, body, url: '' }),
    })
    await host.call(call)
    const [[, sent], line] = call.applied[0]!.changes as [[string, { base64: string }], unknown]
    expect(Buffer.from(sent.base64, 'base64').equals(body.subarray(1))).toBe(true)
    expect(line).toEqual(['log.info', `1048576 98 97`])
    expect(host.stats()).toMatchObject({ kills: 0, timeouts: 0 })
  })
})
