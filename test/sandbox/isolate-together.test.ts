import { spawn } from 'node:child_process'
import { setImmediate as nextTurn } from 'node:timers/promises'
import v8 from 'node:v8'
import { afterEach, describe, expect, test } from 'vitest'
import type { PluginHost } from '../../kernel/plugin-host.ts'
import { joinPieces, toPieces } from '../../sandbox/guest/pieces.ts'
import { createIsolateHostFactory } from '../../sandbox/create-hosts.ts'
import { type FakeCall, makeCall, makeHostOptions, makePlugin } from '../support/host-call.ts'

const hosts: PluginHost[] = []
afterEach(async () => {
  await Promise.all(hosts.splice(0).map((host) => host.close()))
})

const BODY = `access(pdk) {
  const id = pdk.request.getId()
  globalThis.count = (globalThis.count ?? 0) + 1
  if (id.includes('asking')) void pdk.cache.set(id, 1)
  if (id.startsWith('looping')) for (;;);
  pdk.response.setHeader('x-id', (id.length > 100 ? id.length : id) + ' of ' + globalThis.count)
}`

/** A host whose last turn has brought many calls. */
async function startCrowded(body = BODY) {
  const poisoned: string[] = []
  const { options } = makeHostOptions({ limits: { isolateHandlerMs: 50 } })
  const factory = createIsolateHostFactory({
    ...options,
    onPoisoned: ({ plugin, reason }) => poisoned.push(`${plugin}: ${reason}`),
  })
  const plugins = [{ ...makePlugin('p', body), tier: 'isolate' as const }]
  const host = factory.createHost({ name: 'plugin:p', tenant: null, plugins })
  hosts.push(host)
  await host.configure([{ key: 'key', id: 'id', pluginName: 'p', config: {} }])
  await Promise.all(Array.from({ length: 4 }, async () => host.call(makeCall({ key: 'key' }))))
  await nextTurn()
  return { host, poisoned }
}

function makeCalls(ids: readonly string[]): FakeCall[] {
  return ids.map((id) => makeCall({ key: 'key', view: { request: { id } } }))
}

/** The id that the handler has seen, and how many calls its isolate had begun. */
function headerOf(call: FakeCall): string {
  return String(call.applied[0]!.changes.at(-1)![2])
}

describe('calls that cross into an isolate together', () => {
  test('begin at the end of the turn, in their order', async () => {
    const { host } = await startCrowded()
    const ids = Array.from({ length: 40 }, (_, i) => `plain-${i}`)
    const calls = makeCalls(ids)
    const ends = calls.map(async (call) => host.call(call))
    expect(calls.every(({ applied }) => applied.length === 0)).toBe(true)
    expect(host.stats().queued).toBe(40)
    await Promise.all(ends)
    expect(calls.map(headerOf)).toEqual(ids.map((id, i) => `${id} of ${i + 5}`))
    expect(host.stats().queued).toBe(0)
  })

  test('are given to the next isolate one by one when one of them loops', async () => {
    const { host, poisoned } = await startCrowded()
    const calls = makeCalls(['one', 'two', 'looping', 'three', 'four'])
    const ends = await Promise.allSettled(calls.map(async (call) => host.call(call)))
    expect(ends.map(({ status }) => status)).toEqual([
      ...['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
    ])
    expect(ends[2]).toMatchObject({ reason: { kind: 'timeout' } })
    for (const { applied } of [calls[0]!, calls[1]!, calls[3]!, calls[4]!]) {
      expect(applied).toHaveLength(1)
    }
    expect(poisoned[0]).toContain('p: ran for more than 50 ms')
    // Once for them all, once for the one; but for a slow machine, where it crosses alone at once.
    expect([1, 2]).toContain(host.stats().kills)
    expect(host.stats().queued).toBe(0)
  })

  test('are not run again when they have asked for something', async () => {
    const { host } = await startCrowded()
    const calls = makeCalls(['one', 'asking', 'looping'])
    const ends = await Promise.allSettled(calls.map(async (call) => host.call(call)))
    expect(ends[0]).toMatchObject({ status: 'fulfilled' })
    expect(ends[2]).toMatchObject({ status: 'rejected', reason: { kind: 'timeout' } })
    await nextTurn()
    expect(calls[1]!.effects.length).toBeLessThanOrEqual(1)
    // On a slow machine it has crossed before the one that loops had begun.
    const isKilled = ends[1]!.status === 'rejected'
    if (isKilled) expect(ends[1]).toMatchObject({ reason: { kind: 'killed' } })
    expect(calls[1]!.applied).toHaveLength(isKilled ? 0 : 1)
  })

  test('end when the host is closed before the turn is over', async () => {
    const { host } = await startCrowded()
    const calls = makeCalls(['one', 'two'])
    const ends = Promise.allSettled(calls.map(async (call) => host.call(call)))
    await host.close()
    expect(await ends).toMatchObject([
      { reason: { kind: 'unavailable' } },
      { reason: { kind: 'unavailable' } },
    ])
    expect(calls.flatMap(({ applied }) => applied)).toEqual([])
  })

  test('may be longer together than what crosses at once, and alone', async () => {
    const { host } = await startCrowded()
    const lengths = [9_000, 9_000, 9_000, 30_000, 200, 30_000]
    const calls = makeCalls(lengths.map((length) => ''.padEnd(length, 'aä€')))
    await Promise.all(calls.map(async (call) => host.call(call)))
    expect(calls.map(headerOf)).toEqual(lengths.map((length, i) => `${length} of ${i + 5}`))
  })

  test('fail each with a word of its own when their plugin breaks how failures are told', async () => {
    const { host } = await startCrowded(`access(pdk) {
      if (pdk.request.getId() === 'request-1') return
      Object.prototype.toJSON = () => undefined
      if (pdk.request.getId() === 'late') return Promise.resolve().then(() => { throw new Error('late') })
      throw new Error('now')
    }`)
    const calls = makeCalls(['one', 'two', 'late'])
    const ends = await Promise.allSettled(calls.map(async (call) => host.call(call)))
    for (const end of ends)
      expect(end).toMatchObject({ status: 'rejected', reason: { kind: 'error' } })
    expect(host.stats().queued).toBe(0)
  })

  test('are not lost when a new configuration has ended their isolate', async () => {
    const { host } = await startCrowded(`configure() {
      globalThis.times = (globalThis.times ?? 0) + 1
      if (globalThis.times > 1) for (const all = []; ;) all.push(new Array(1e5).fill(all))
    },
    ${BODY}`)
    const instance = { key: 'key', id: 'id', pluginName: 'p', config: {} }
    await expect(host.configure([instance])).rejects.toThrow('p')
    const calls = makeCalls(['one', 'two', 'three'])
    await Promise.all(calls.map(async (call) => host.call(call)))
    for (const { applied } of calls) expect(applied).toHaveLength(1)
    expect(host.stats().queued).toBe(0)
  })

  test('one that cannot be told fails alone', async () => {
    const { host } = await startCrowded()
    const [good, bad] = makeCalls(['good', 'bad'])
    const broken = {
      ...bad!,
      view: () => {
        throw new Error('no view')
      },
    }
    const ends = await Promise.allSettled([host.call(good!), host.call(broken)])
    expect(ends).toMatchObject([
      { status: 'fulfilled' },
      { status: 'rejected', reason: { message: expect.stringContaining('no view') as string } },
    ])
  })
})

test('a call that was stopped without having had the CPU is made again, once', async () => {
  const { host, poisoned } = await startCrowded(`access(pdk) {
    if (pdk.request.getId() !== 'starved') return
    for (let i = 0; i < 2e7; i++) globalThis.sum = i
  }`)
  // This process gets the CPU for 10 ms of 160, of which no turn of 50 ms by the clock has its half.
  const rhythm = `kill -STOP ${process.pid}; sleep 0.15; kill -CONT ${process.pid}; sleep 0.01`
  const stopper = spawn('sh', ['-c', `for i in 1 2 3 4 5 6 7 8 9; do ${rhythm}; echo; done`])
  const isOver = new Promise((resolve) => stopper.once('exit', resolve))
  await new Promise((resolve) => stopper.stdout.once('data', resolve))
  const [starved, other] = makeCalls(['starved', 'other'])
  await expect(host.call(starved!)).rejects.toMatchObject({ kind: 'timeout' })
  await isOver
  expect(host.stats()).toMatchObject({ kills: 2, timeouts: 2 })
  // Not a word of a plugin that has done nothing.
  expect(poisoned).toEqual([])
  await host.call(other!)
  expect(other!.applied).toHaveLength(1)
})

describe('a text that crosses', () => {
  test.each([0, 1, 511, 512, 1_023, 1_024, 5_000])('of %i characters comes whole', (length) => {
    for (const letter of ['a', 'ÿ', '€']) {
      const text = letter.repeat(length)
      const pieces = toPieces(text)
      expect(joinPieces(pieces)).toBe(text)
      const bytes = (piece: string): number => piece.length * (letter === '€' ? 2 : 1)
      expect(Math.max(...pieces.map(bytes))).toBeLessThan(1_024)
    }
  })

  test('leaves nothing outside of the heap of this process that no collection is begun for', async () => {
    const body = `access(pdk) { pdk.service.request.setRawBody(new Uint8Array(30000)) }`
    const { host } = await startCrowded(body)
    const before = v8.getHeapStatistics().external_memory
    for (let i = 0; i < 1_000; i++) {
      const call = makeCall({ key: 'key' })
      await host.call(call)
      expect(JSON.stringify(call.applied).length).toBeGreaterThan(40_000)
    }
    // 40 MB have crossed.
    expect(v8.getHeapStatistics().external_memory - before).toBeLessThan(4e6)
  })
})
