import { afterEach, describe, expect, test } from 'vitest'
import type { PluginHost } from '../../../kernel/plugin-host.ts'
import { createRemoteHostFactory } from '../../../sandbox/create-hosts.ts'
import { describeRemote } from '../../../sandbox/remote/describe-remote.ts'
import type { RemoteLimits } from '../../../sandbox/remote/remote-limits.ts'
import { makeCall, makeHostOptions, makePlugin } from '../../support/host-call.ts'
import {
  type FakeProgram,
  type Frame,
  MANIFEST,
  type Reply,
  startFakeProgram,
  TYPES,
} from './fake-program.ts'

const {
  call: CALL,
  result: RESULT,
  failed: FAILED,
  effect: EFFECT,
  ack: ACK,
  cancel: CANCEL,
} = TYPES
const OK = { changes: [] }
const INSTANCE = { key: 'key', id: 'id', pluginName: 'p', config: { a: [1] } }

const ends: (() => Promise<void>)[] = []
afterEach(async () => {
  for (const end of ends.splice(0).toReversed()) await end()
})

/** Short pauses: nothing here waits for anybody's good. */
const QUICK: Partial<RemoteLimits> = {
  backOffMs: 1,
  backOffMsMax: 5,
  connectMs: 5_000,
  failuresMax: 1_000,
}

async function start(
  answer: Parameters<typeof startFakeProgram>[0],
  remote: Partial<RemoteLimits> = {},
  limits: { strikesMax?: number; quarantineMs?: number } = { strikesMax: 100 },
): Promise<{ host: PluginHost; program: FakeProgram; lines: string[] }> {
  const program = await startFakeProgram(answer)
  ends.push(() => program.close())
  const { options, lines } = makeHostOptions({ limits })
  const plugin = makePlugin('p', '')
  const host = createRemoteHostFactory({ ...options, remote: { ...QUICK, ...remote } }).createHost({
    name: 'plugin:p',
    tenant: null,
    plugins: [
      {
        ...plugin,
        manifest: { ...plugin.manifest, phases: ['access'] },
        source: null,
        tier: 'remote',
        origin: `unix:${program.path}`,
      },
    ],
  })
  ends.push(() => host.close())
  await host.configure([INSTANCE])
  return { host, program, lines }
}

/** Lets the first call go wrong and every other go well. */
function onFirstCall(wrong: (id: number, reply: Reply) => void) {
  let calls = 0
  return ([type, id]: Frame, reply: Reply): true | void => {
    if (type !== CALL || calls++ > 0) return
    wrong(id, reply)
    return true
  }
}

test('a program is told what it needs, and its result is applied', async () => {
  const { host, program } = await start(([type, id], reply) => {
    if (type !== CALL) return
    reply([[RESULT, id, { changes: [['response.setHeader', 'x-a', '1']] }]])
    return true
  })
  const call = makeCall({ key: 'key', timeoutMs: 1_500 })
  await host.call(call)
  expect(call.applied).toEqual([{ changes: [['response.setHeader', 'x-a', '1']] }])
  const [hello, load, configure, sent] = program.frames
  expect(hello).toEqual([1, 0, 1, ['msgpack', 'json']])
  expect(load).toMatchObject([3, expect.any(Number), 'p', null, '', { guest: { depthMax: 64 } }])
  expect(configure!.slice(2)).toEqual([[INSTANCE]])
  expect(sent).toMatchObject([
    5,
    expect.any(Number),
    'key',
    'access',
    1_500,
    { requestHeaders: ['Host', 'example.com', 'X-A', '1', 'x-a', '2'], route: null },
  ])
})

describe('a program that breaks the protocol is hung up on, its call fails, the next one is served', () => {
  test.each<[string, (id: number) => readonly unknown[] | Buffer, RegExp]>([
    ['an id that nobody has', (id) => [[RESULT, id + 1, OK]], /waits for nothing/],
    ['an unknown type', (id) => [[77, id, OK]], /type 77/],
    ['a message of a gateway', (id) => [[CALL, id, 'k', 'access', 1, {}]], /type 5/],
    ['a second welcome', () => [[2, 0, 1, 'msgpack', {}]], /second welcome/],
    ['an ack for another', (id) => [[ACK, id + 1]], /not being done/],
    [
      'an ack twice',
      (id) => [
        [ACK, id],
        [ACK, id],
      ],
      /not being done/,
    ],
    [
      'an effect for another call',
      (id) => [[EFFECT, 1, id + 9, 'timer.sleep', [1]]],
      /cannot have/,
    ],
    [
      'an effect that does not exist',
      (id) => [[EFFECT, 1, id, 'fs.readFile', []]],
      /no effect here/,
    ],
    [
      'an effect without arguments',
      (id) => [[EFFECT, 1, id, 'client.loadConsumer', {}]],
      /no list/,
    ],
    ['a failure of no kind', (id) => [[FAILED, id, 'whatever', 'm', false, []]], /kind/],
    ['bytes in a payload', (id) => [[RESULT, id, { changes: Buffer.from('x') }]], /no bytes/],
    ['a number that is none', (id) => [[RESULT, id, { changes: [NaN] }]], /what JSON has/],
    ['a frame without an array', () => [{ a: 1 }], /holds an array/],
    ['garbage', () => Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), /bytes long/],
    ['a frame of 2 GB', () => Buffer.from([0xff, 0xff, 0xff, 0x7f, 0x90]), /bytes long/],
    ['an empty frame', () => Buffer.from([0, 0, 0, 0]), /bytes long/],
    ['an extension', () => Buffer.from([4, 0, 0, 0, 0x92, 0xd4, 0x72, 0x40]), /extensions/],
    [
      'nesting without end',
      () => Buffer.from([80, 0, 0, 0, ...Array<number>(80).fill(0x91)]),
      /deeper/,
    ],
  ])('%s', async (_name, frames, reason) => {
    const { host, program, lines } = await start(onFirstCall((id, reply) => reply(frames(id))))
    const bad = makeCall({ key: 'key' })
    await expect(host.call(bad)).rejects.toMatchObject({ kind: 'killed' })
    expect(bad.applied).toEqual([])
    expect(lines.join('\n')).toMatch(reason)
    const next = makeCall({ key: 'key' })
    await host.call(next)
    expect(next.applied).toEqual([OK])
    expect(program.connections()).toBe(2)
  })

  test('a stream that ends within a frame', async () => {
    let first = true
    const { host } = await start(([type], reply, socket) => {
      if (type !== CALL || !first) return
      first = false
      reply(Buffer.from([10, 0, 0, 0, 0x93]))
      socket.end()
      return true
    })
    await expect(host.call(makeCall({ key: 'key' }))).rejects.toMatchObject({ kind: 'killed' })
    await host.call(makeCall({ key: 'key' }))
  })

  test('a second result for the same call', async () => {
    const twice = onFirstCall((id, reply) =>
      reply([
        [RESULT, id, OK],
        [RESULT, id, OK],
      ]),
    )
    const { host } = await start(twice)
    await host.call(makeCall({ key: 'key' }))
    await expect.poll(() => host.stats().kills).toBe(1)
    await host.call(makeCall({ key: 'key' }))
  })

  test('silence, of which nothing is the fault of those that wait behind', async () => {
    const { host } = await start(
      onFirstCall(() => undefined),
      { silenceMs: 50 },
    )
    const hung = host.call(makeCall({ key: 'key' }))
    const behind = makeCall({ key: 'key' })
    const served = host.call(behind)
    await expect(hung).rejects.toMatchObject({ kind: 'killed' })
    await served
    expect(behind.applied).toEqual([OK])
  })
})

test('a result may be nested as deep as in every tier, and no deeper', async () => {
  const nested = (depth: number): unknown => (depth === 0 ? [] : [nested(depth - 1)])
  const depths = [65, 66]
  const { host } = await start(([type, id], reply) => {
    if (type !== CALL) return
    reply([[RESULT, id, { changes: nested(depths.shift()!) }]])
    return true
  })
  const fits = makeCall({ key: 'key' })
  await host.call(fits)
  expect(fits.applied).toHaveLength(1)
  await expect(host.call(makeCall({ key: 'key' }))).rejects.toMatchObject({ kind: 'killed' })
})

test('a failure has its kind, its lines and its decision', async () => {
  const { host, lines } = await start(
    onFirstCall((id, reply) =>
      reply([[FAILED, id, 'error', 'not today', true, [['warn', 'mind']]]]),
    ),
  )
  await expect(host.call(makeCall({ key: 'key' }))).rejects.toMatchObject({
    kind: 'error',
    decided: true,
    message: 'plugin:p: access: not today',
  })
  expect(lines).toEqual(['warn: mind'])
})

test('slow is not dead: after an ack a call may take its time, and a ping is answered', async () => {
  let waiting = 0
  let pings = 0
  const { host } = await start(
    ([type, id], reply) => {
      if (type === CALL) {
        waiting = id
        reply([[ACK, id]])
        return true as const
      }
      if (type === TYPES.ping) pings++
      // It may wake up by itself.
      if (type === TYPES.ping && pings === 3) setImmediate(() => reply([[RESULT, waiting, OK]]))
      return undefined
    },
    { pingAfterMs: 1, silenceMs: 10_000 },
  )
  const call = makeCall({ key: 'key' })
  await host.call(call)
  expect(call.applied).toEqual([OK])
})

test('a program that does not answer a ping is hung up on', async () => {
  const silent = ([type, id]: Frame, reply: Reply): true | void => {
    if (type === CALL) reply([[ACK, id]])
    if (type === CALL || type === TYPES.ping) return true
  }
  const { host } = await start(silent, { pingAfterMs: 1, silenceMs: 50 })
  await expect(host.call(makeCall({ key: 'key' }))).rejects.toMatchObject({ kind: 'killed' })
})

test('a call that is late is cancelled, and what comes for it before the ack is ignored', async () => {
  const { host, program } = await start((frame, reply) => {
    const [type, id] = frame
    if (type === CALL) reply([[ACK, id]])
    if (type === CANCEL) {
      reply([
        [EFFECT, 9, frame[2], 'timer.sleep', [1]],
        [RESULT, frame[2], OK],
        [ACK, id],
      ])
    }
    return type === CALL || type === CANCEL ? true : undefined
  })
  const call = makeCall({ key: 'key', timeoutMs: 30 })
  await expect(host.call(call)).rejects.toMatchObject({ kind: 'timeout' })
  await expect.poll(() => program.frames.some(([type]) => type === CANCEL)).toBe(true)
  expect(call.applied).toEqual([])
  expect(host.stats()).toMatchObject({ kills: 0, timeouts: 1 })
})

describe('a connection that is lost', () => {
  test('fails the call that was begun; those behind it go to the next connection in order', async () => {
    let calls = 0
    const { host } = await start(([type], _reply, socket) => {
      if (type !== CALL || calls++ > 0) return
      socket.destroy()
      return true
    })
    const order: string[] = []
    const made = ['a', 'b', 'c'].map((name) => ({
      ...makeCall({ key: 'key' }),
      apply: () => void order.push(name),
    }))
    const outcomes = await Promise.allSettled(made.map(async (call) => host.call(call)))
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled'])
    expect(order).toEqual(['b', 'c'])
  })

  test('between two calls is made anew before anybody notices', async () => {
    const { host, program } = await start(() => undefined)
    await program.stop()
    await program.start()
    await expect.poll(() => host.stats().kills).toBe(1)
    await host.call(makeCall({ key: 'key' }))
    expect(program.connections()).toBeGreaterThanOrEqual(2)
  })

  test('for long opens the breaker: calls are refused at once, until the program is back', async () => {
    const { host, program, lines } = await start(() => undefined, { failuresMax: 3 })
    await program.stop()
    await expect.poll(() => host.state).toBe('quarantined')
    await expect(host.call(makeCall({ key: 'key' }))).rejects.toMatchObject({ kind: 'unavailable' })
    expect(lines.join('\n')).toMatch(/calls are refused: cannot connect to .*p\.sock/)
    // Its configuration is changed meanwhile, which it gets when it is back.
    await host.configure([INSTANCE, { ...INSTANCE, key: 'young' }])
    await program.start()
    await expect.poll(() => host.state).toBe('ready')
    await host.call(makeCall({ key: 'young' }))
    const configured = program.frames.filter(([type]) => type === TYPES.configure).at(-1)!
    expect(configured[2]).toHaveLength(2)
  })

  test('with calls in it too often puts the plugin in quarantine for a while', async () => {
    let bad = true
    const { host } = await start(
      ([type], _reply, socket) => {
        if (type !== CALL || !bad) return
        socket.destroy()
        return true
      },
      { failuresMax: 100 },
      { strikesMax: 3, quarantineMs: 200 },
    )
    for (let strike = 1; strike <= 3; strike++) {
      await expect(host.call(makeCall({ key: 'key' }))).rejects.toMatchObject({ kind: 'killed' })
    }
    await expect.poll(() => host.state).toBe('quarantined')
    await expect(host.call(makeCall({ key: 'key' }))).rejects.toMatchObject({ kind: 'unavailable' })
    bad = false
    await expect.poll(() => host.state).toBe('ready')
    await host.call(makeCall({ key: 'key' }))
  })
})

describe('a configuration', () => {
  test('that the program refuses is refused, and the one before stays', async () => {
    const { host } = await start((frame, reply) => {
      const [type, id, instances] = frame
      if (type !== TYPES.configure || (instances as unknown[]).length === 1) return
      reply([[FAILED, id, 'error', 'no such table', false, []]])
      return true
    })
    const young = { ...INSTANCE, key: 'young' }
    await expect(host.configure([INSTANCE, young])).rejects.toThrow('plugin:p: no such table')
    await host.call(makeCall({ key: 'key' }))
  })

  test('does not wait for a program that is away, which has it when it comes', async () => {
    const { host, program } = await start(() => undefined)
    await program.stop()
    await expect.poll(() => host.stats().kills).toBe(1)
    await host.configure([{ ...INSTANCE, key: 'later' }])
    await program.start()
    await host.call(makeCall({ key: 'later' }))
  })
})

test('a program that serves another plugin after a restart gets no calls', async () => {
  let loads = 0
  const { host, program, lines } = await start(
    ([type, id], reply) => {
      if (type !== TYPES.load || loads++ === 0) return
      const manifest = { ...MANIFEST, phases: ['access', 'log'] }
      reply([[RESULT, id, { manifest, log: [] }]])
      return true
    },
    { failuresMax: 2 },
  )
  await program.stop()
  await program.start()
  await expect.poll(() => host.state).toBe('quarantined')
  expect(lines.join('\n')).toMatch(/phases was \["access"\] .* is \["access","log"\]/)
})

test.each([
  ['another protocol', [2, 0, 2, 'msgpack', {}], /another protocol/],
  ['another encoding', [2, 0, 1, 'xml', '{}'], /another protocol/],
  ['something before its welcome', [12, 0], /before welcome/],
])('a program that says %s is refused with the reason', async (_what, welcome, reason) => {
  const program = await startFakeProgram(([type], reply) => {
    if (type !== TYPES.hello) return
    reply([welcome])
    return true
  })
  ends.push(() => program.close())
  const origin = `unix:${program.path}`
  await expect(describeRemote(origin, { findMs: 1 })).rejects.toThrow(reason)
})

test('a program is described by what it says, and waited for when it is not there yet', async () => {
  const program = await startFakeProgram(() => undefined)
  ends.push(() => program.close())
  await program.stop()
  const described = describeRemote(`unix:${program.path}`, { backOffMs: 1 })
  await program.start()
  expect(await described).toEqual(MANIFEST)
  await expect(describeRemote('unix:/nowhere/x.sock', { findMs: 1 })).rejects.toThrow(
    /^unix:\/nowhere\/x\.sock: cannot connect to \/nowhere\/x\.sock: .*ENOENT/,
  )
})
