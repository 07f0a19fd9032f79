import { afterEach, describe, expect, test } from 'vitest'
import type { PluginCode, PluginHost } from '../../kernel/plugin-host.ts'
import { createProcessHostFactory } from '../../sandbox/create-hosts.ts'
import { type FakeCall, makeCall, makeHostOptions, makePlugin } from '../support/host-call.ts'
import { PATIENT } from './tiers.ts'

const hosts: PluginHost[] = []
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()))
})

/** Plugins of one tenant in one child, each with an instance under its own name. */
async function start(plugins: readonly PluginCode[], limits = {}) {
  const made = makeHostOptions({ limits: { ...PATIENT, ...limits } })
  const factory = createProcessHostFactory(made.options)
  const host = factory.createHost({ name: 'tenant:t', tenant: 't', plugins })
  hosts.push(host)
  await host.configure(
    plugins.map(({ manifest: { name } }) => ({
      key: name,
      id: name,
      pluginName: name,
      config: {},
    })),
  )
  return { host, ...made }
}

const toCall = (key: string, id: string): FakeCall => makeCall({ key, view: { request: { id } } })

async function callAll(host: PluginHost, calls: readonly FakeCall[]) {
  return Promise.allSettled(calls.map(async (call) => host.call(call)))
}

describe('calls that cross together', () => {
  test('are not answered by a plugin that breaks its own failure', async () => {
    const evil = makePlugin(
      'evil',
      `access(pdk) {
        const id = pdk.request.getId()
        pdk.log.info('of evil ' + id)
        if (!id.startsWith('bad')) return
        Object.prototype.toJSON = () => { throw 1 }
        throw new Error('bad')
      }`,
    )
    const good = makePlugin('good', `access(pdk) { pdk.response.exit(403, 'denied') }`)
    const { host } = await start([evil, good])
    // So that there are answers of before.
    await callAll(
      host,
      ['1', '2', '3', '4'].map((id) => toCall('evil', id)),
    )
    const bad = ['bad-1', 'bad-2'].map((id) => toCall('evil', id))
    const denied = ['5', '6'].map((id) => toCall('good', id))
    const ends = await callAll(host, [...bad, ...denied])
    expect(ends.slice(0, 2).map(({ status }) => status)).toEqual(['rejected', 'rejected'])
    for (const call of denied) {
      expect(call.applied).toEqual([{ changes: [['response.exit', 403, 'denied']] }])
    }
    expect(host.stats()).toMatchObject({ kills: 0 })
  })

  test('of a plugin that waits: a rejection that nobody handles fails one of them', async () => {
    const body = `async access(pdk) { if (pdk.request.getId() === '1') Promise.reject(new Error('lost')) }`
    const { host } = await start([makePlugin('p', body)])
    await callAll(host, [toCall('p', '0')])
    for (let round = 0; round < 3; round++) {
      const ids = ['0', '1', '2', '3', '4', '5']
      const ends = await callAll(
        host,
        ids.map((id) => toCall('p', id)),
      )
      const failed = ends.filter(({ status }) => status === 'rejected')
      expect(failed.length).toBeLessThanOrEqual(1)
    }
    expect(host.stats()).toMatchObject({ kills: 0, starts: 1 })
  })

  test('may bring results of many megabytes in all', async () => {
    const head = `const BIG = 'a'.repeat(1_900_000)`
    const body = `access(pdk) { pdk.response.exit(200, BIG) }`
    const { host } = await start([makePlugin('p', body, head)])
    const calls = Array.from({ length: 12 }, (_, index) => toCall('p', String(index)))
    const ends = await callAll(host, calls)
    expect(ends.map(({ status }) => status)).toEqual(Array(12).fill('fulfilled'))
    expect(host.stats()).toMatchObject({ kills: 0 })
  })
})

test('a result that answers may be as long as any other', async () => {
  const body = `access(pdk) { pdk.response.exit(200, 'a'.repeat(Number(pdk.request.getId()))) }`
  const { host } = await start([makePlugin('p', body)], { resultBytesMax: 4_096 })
  const around = '{"changes":[["response.exit",200,""]]}'.length
  const most = 4_096 - around
  const [fits, over] = await callAll(host, [
    toCall('p', String(most)),
    toCall('p', String(most + 1)),
  ])
  expect(fits).toMatchObject({ status: 'fulfilled' })
  expect(over).toMatchObject({ status: 'rejected', reason: { kind: 'error' } })
  expect(host.stats()).toMatchObject({ kills: 0 })
})
