import { setImmediate as nextTurn } from 'node:timers/promises'
import { afterEach, describe, expect, test } from 'vitest'
import type { PluginHost } from '../../kernel/plugin-host.ts'
import { makeCall, makePlugin } from '../support/host-call.ts'
import { ISOLATED_TIERS, startHost, TIERS } from './tiers.ts'

const hosts: PluginHost[] = []
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()))
})

/** What a request makes the handler do, and what is to come of it beside a line with its id. */
const KINDS: Readonly<Record<string, { code: string; effects: number; fails?: RegExp }>> = {
  plain: { code: ``, effects: 0 },
  forgetful: { code: `void pdk.cache.set(id, 1); void pdk.cache.set(id, 2)`, effects: 2 },
  patient: { code: `return pdk.cache.get(id).then((got) => line(got))`, effects: 1 },
  twice: {
    code: `return pdk.cache.get(id).then(() => pdk.cache.get(id)).then((got) => line(got))`,
    effects: 2,
  },
  promising: {
    code: `return Promise.resolve().then(() => console.log(id + ' later'))`,
    effects: 0,
  },
  throwing: { code: `throw new Error('of ' + id)`, effects: 0, fails: /of throwing-/ },
  rejecting: {
    code: `return Promise.reject(new Error('of ' + id))`,
    effects: 0,
    fails: /of rejecting-/,
  },
  exiting: { code: `pdk.response.exit(200, id)`, effects: 0 },
  sleeping: {
    code: `return new Promise((resolve) => setTimeout(resolve, 5)).then(() => line('slept'))`,
    effects: 0,
  },
}

/** A remote program has a console of its own. */
const toBody = (tier: string) => `access(pdk) {
  ${tier === 'remote' ? 'const console = { log: (text) => pdk.log.info(text) }' : ''}
  const id = pdk.request.getId()
  const line = (what) => pdk.log.info(id + ' ' + what)
  line('began')
  ${Object.entries(KINDS)
    .map(([kind, { code }]) => `if (id.startsWith('${kind}-')) { ${code} ; return }`)
    .join('\n')}
}`

describe.each(TIERS)('calls at the same time in the %s tier', (tier) => {
  test.each([
    ['after a quiet turn', 0],
    ['after a turn that brought many', 4],
  ])('end each with its own, whatever those beside them do, %s', async (_when, before) => {
    const { host } = await startHost(tier, [makePlugin('p', toBody(tier))])
    hosts.push(host)
    const early = Array.from({ length: before }, () => makeCall({ key: 'key' }))
    const earlyEnds = early.map(async (call) => host.call(call))
    await nextTurn()
    await Promise.all(earlyEnds)
    const kinds = Object.keys(KINDS)
    // Every kind behind every other.
    const order = kinds.flatMap((one) => kinds.flatMap((other) => [one, other]))
    const calls = order.map((kind, index) => {
      const view = { request: { id: `${kind}-${index}` } }
      const effect = (_member: string, [key]: readonly unknown[]) =>
        Promise.resolve(`got ${String(key)}`)
      return { kind, id: `${kind}-${index}`, call: makeCall({ key: 'key', view, effect }) }
    })
    const ends = await Promise.allSettled(calls.map(async ({ call }) => host.call(call)))
    for (const [index, { kind, id, call }] of calls.entries()) {
      const { effects, fails } = KINDS[kind]!
      expect(call.effects, id).toHaveLength(effects)
      for (const [, [key]] of call.effects) expect(key).toBe(id)
      const end = ends[index]!
      if (fails !== undefined) {
        expect(end).toMatchObject({
          status: 'rejected',
          reason: { message: expect.stringContaining(`of ${id}`) as string },
        })
        continue
      }
      expect(end.status, id).toBe('fulfilled')
      const text = JSON.stringify(call.applied)
      expect(call.applied).toHaveLength(1)
      expect(text).toContain(`${id} began`)
      if (kind === 'patient' || kind === 'twice') expect(text).toContain(`${id} got ${id}`)
      if (kind === 'promising') expect(text).toContain(`${id} later`)
      if (kind === 'sleeping') expect(text).toContain(`${id} slept`)
      for (const other of text.matchAll(/[a-z]+-\d+/g)) expect(other[0]).toBe(id)
    }
    expect(host.stats()).toMatchObject({ kills: 0, timeouts: 0 })
  })
})

test('what runs by itself after its call lands on no other, and fails none', async () => {
  const body = `access(pdk) {
    const id = pdk.request.getId()
    if (id === 'floating') {
      Promise.resolve().then(() => { console.log('of floating'); setTimeout(() => undefined, 1) })
      Promise.reject(new Error('of floating'))
    }
    pdk.log.info(id)
  }`
  const { host } = await startHost('process', [makePlugin('p', body)])
  hosts.push(host)
  const calls = ['one', 'floating', 'last'].map((id) =>
    makeCall({ key: 'key', view: { request: { id } } }),
  )
  const ends = await Promise.allSettled(calls.map(async (call) => host.call(call)))
  expect(ends.filter(({ status }) => status === 'rejected').length).toBeLessThanOrEqual(1)
  expect(ends[0]).toMatchObject({ status: 'fulfilled' })
  expect(ends[2]).toMatchObject({ status: 'fulfilled' })
  expect(calls[0]!.applied).toEqual([{ changes: [['log.info', 'one']] }])
  expect(calls[2]!.applied).toEqual([{ changes: [['log.info', 'last']] }])
  expect(calls[2]!.effects).toEqual([])
})

describe.each(ISOLATED_TIERS)('answers of several pieces in the %s tier', (tier) => {
  /** A host whose last turn has brought many calls. */
  async function startCrowded(body: string): Promise<PluginHost> {
    const { host } = await startHost(tier, [makePlugin('p', `access(pdk) { ${body} }`)])
    hosts.push(host)
    await Promise.all([1, 2, 3, 4].map(async () => host.call(makeCall({ key: 'key' }))))
    await nextTurn()
    return host
  }

  test.each([
    ['fails', `throw new Error('late')`],
    ['ends', `return`],
    ['asks', `await pdk.cache.get('k')`],
    ['has its host compute', `new URL('http://a/' + 'a'.repeat(2000))`],
  ])('are those of their calls when something %s before they have crossed', async (_how, code) => {
    const host = await startCrowded(`
      const id = pdk.request.getId()
      if (id !== 'late') return pdk.service.request.setRawBody(id + 'x'.repeat(3000))
      return (async () => { await null; ${code}; pdk.log.info('late') })()`)
    const ids = ['one', 'two', 'late', 'three']
    const calls = ids.map((id) => makeCall({ key: 'key', view: { request: { id } } }))
    const ends = await Promise.allSettled(calls.map(async (call) => host.call(call)))
    for (const [i, { applied }] of calls.entries()) {
      if (ids[i] === 'late') continue
      expect(applied).toEqual([
        { changes: [['service.request.setRawBody', ids[i] + 'x'.repeat(3_000)]] },
      ])
    }
    expect(ends[2]!.status).toBe(code.startsWith('throw') ? 'rejected' : 'fulfilled')
    expect(host.stats()).toMatchObject({ kills: 0, queued: 0 })
  })

  test.each([
    ['after many others', `for (let i = 0; i < 1100; i++) new URL('http://a/' + 'a'.repeat(1100))`],
    [
      'after more posts than are heard',
      `for (let i = 0; i < 4100; i++) clearTimeout(setTimeout(() => 1, 1))
      void pdk.cache.set('k', 'v'.repeat(2000)).catch(() => undefined)`,
    ],
  ])('are whole %s', async (_when, code) => {
    const host = await startCrowded(`
      if (pdk.request.getId() !== 'many') return
      ${code}
      pdk.service.request.setRawBody('y'.repeat(2000))`)
    const call = makeCall({ key: 'key', view: { request: { id: 'many' } } })
    await host.call(call)
    expect(call.applied).toEqual([{ changes: [['service.request.setRawBody', 'y'.repeat(2_000)]] }])
    expect(host.stats()).toMatchObject({ kills: 0, queued: 0 })
  })
})

describe.each(TIERS)('a failure with long lines in the %s tier', (tier) => {
  test('fails its own call, and nothing is killed, however low the limit of results is', async () => {
    const body = `access(pdk) {
      for (let i = 0; i < 8; i++) pdk.log.info('x'.repeat(1000))
      throw new Error('of ' + pdk.request.getId())
    }`
    const { host } = await startHost(tier, [makePlugin('p', body)], {}, { resultBytesMax: 4_096 })
    hosts.push(host)
    const call = makeCall({ key: 'key', view: { request: { id: 'long' } } })
    await expect(host.call(call)).rejects.toMatchObject({
      kind: 'error',
      message: expect.stringContaining('of long') as string,
    })
    expect(host.stats()).toMatchObject({ kills: 0, starts: 1 })
  })
})
