import { afterEach, describe, expect, it } from 'vitest'
import { createIsolateHostFactory, createProcessHostFactory } from '../../sandbox/create-hosts.ts'
import type { PluginHost } from '../../kernel/plugin-host.ts'
import { makeCall, makeHostOptions, makePlugin } from '../support/host-call.ts'
import { TIERS } from './tiers.ts'

const hosts: PluginHost[] = []
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()))
})

describe.each(TIERS)('a body of the full size in the %s tier', (tier) => {
  it('comes in and goes out within what a handler has', async () => {
    // The deadlines of the process tier are the real ones: what is tested is that they suffice.
    const limits = tier === 'process' ? {} : { isolateHandlerMs: 2_000 }
    const { options } = makeHostOptions({ limits })
    const factory =
      tier === 'process' ? createProcessHostFactory(options) : createIsolateHostFactory(options)
    const plugin = makePlugin(
      'p',
      `async access(pdk) {
        const { body } = await pdk.http.fetch('http://api.test/')
        pdk.service.request.setRawBody(body.subarray(1))
        pdk.log.info(body.length, ' ', body[1], ' ', body.at(-1))
      }`,
    )
    const host = factory.createHost({ name: 'tenant:acme', tenant: 'acme', plugins: [plugin] })
    hosts.push(host)
    await host.configure([{ key: 'key', id: 'id', pluginName: 'p', config: {} }])
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
