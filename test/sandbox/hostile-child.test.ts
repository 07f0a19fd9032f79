import { EventEmitter } from 'node:events'
import { duplexPair } from 'node:stream'
import type { ChildProcess } from 'node:child_process'
import { FrameDecoder, FrameEncoder } from '@sallyport/sdk/protocol'
import { describe, expect, test } from 'vitest'
import { ProcessHost } from '../../sandbox/process/host.ts'
import type { LaunchedChild } from '../../sandbox/process/launch.ts'
import { SparePool } from '../../sandbox/process/spare-pool.ts'
import { withLimits } from '../../sandbox/limits.ts'
import { makeCall, makeHostOptions, makePlugin } from '../support/host-call.ts'
import { readCalls } from '../support/calls-text.ts'
import { valueReader } from '../support/value-reader.ts'

type Frame = [type: number, id: number, ...fields: unknown[]]
type Reply = (frames: readonly unknown[] | Buffer) => void

const HELLO = 1
const LOAD = 3
const CONFIGURE = 4
const CALL = 5
const EFFECT_RESULT = 9
const CANCEL = 10
const RESULT = 6
const FAILED = 7
const EFFECT = 8
const ACK = 12
const CALLS = 16
const RESULTS = 17

/** A child that keeps the protocol but for what `answer` does with a call. */
function launchFake(answer: (frame: Frame, reply: Reply) => void): LaunchedChild {
  const [channel, far] = duplexPair()
  const child = new EventEmitter() as ChildProcess
  Object.assign(child, {
    pid: undefined,
    unref: () => undefined,
    ref: () => undefined,
    kill: () => {
      far.destroy()
      setImmediate(() => child.emit('exit', null, 'SIGKILL'))
      return true
    },
  })
  Object.assign(channel, { unref: () => undefined })
  const decoder = new FrameDecoder(valueReader())
  const reply: Reply = (frames) => {
    if (Buffer.isBuffer(frames)) {
      far.write(frames)
      return
    }
    const encoder = new FrameEncoder()
    for (const frame of frames) encoder.add(frame)
    far.write(encoder.take())
  }
  far.on('data', (bytes: Buffer) =>
    decoder.push(bytes, (value) => {
      const frame = value as Frame
      const [type, id] = frame
      if (type === HELLO) reply([[2, id, 1, 'json', '{}']])
      else if (type === LOAD) reply([[RESULT, id, '{"manifest":{},"log":[]}']])
      else if (type === CONFIGURE) reply([[RESULT, id, '{"log":[]}']])
      else if (type === CALLS) {
        // As if each had come alone: what an answer does with one does not look at the others.
        for (const call of readCalls(frame[2] as string)) {
          answer([CALL, call.id, call.instanceKey, call.phase, 0, call.view], reply)
        }
      } else answer(frame, reply)
    }),
  )
  far.on('error', () => undefined)
  return { process: child, channel }
}

/** The first children do what `answers` say, those after them answer every call. */
async function startWith(...answers: ((frame: Frame, reply: Reply) => void)[]) {
  const limits = withLimits({})
  let launched = 0
  const good = ([type, id]: Frame, reply: Reply) =>
    type === CALL ? reply([[RESULT, id, '{"changes":[]}']]) : reply([[ACK, id]])
  const pool = new SparePool(limits, {
    prepare: () => Promise.resolve(() => launchFake(answers[launched++] ?? good)),
  })
  const { options, lines, strikes } = makeHostOptions()
  const host = new ProcessHost({
    ...options,
    name: 'tenant:x',
    tenant: null,
    // A fake has no layers.
    gate: { check: () => Promise.resolve({ layers: {}, possible: [] }) },
    plugins: [makePlugin('p', '')],
    pool,
    sandboxLimits: limits,
  })
  await host.configure([{ key: 'key', id: 'id', pluginName: 'p', config: {} }])
  return { host, lines, strikes }
}

const OK = '{"changes":[]}'

describe('a child that breaks the protocol is killed, and the call fails', () => {
  test.each<[string, (id: number) => readonly unknown[] | Buffer, RegExp]>([
    ['an id that nobody has', (id) => [[RESULT, id + 1, OK]], /waits for nothing/],
    ['an unknown type', (id) => [[77, id, OK]], /type 77/],
    ['a message of a gateway', (id) => [[CALL, id, 'k', 'access', 1, '{}']], /type 5/],
    ['results from another id on', (id) => [[RESULTS, id + 1, OK]], /more than calls have come/],
    [
      'results for a call that waits',
      (id) => [
        [ACK, id],
        [RESULTS, id, OK],
      ],
      /more than calls/,
    ],
    [
      'a result that is too long among others',
      (id) => [[RESULTS, id, `${OK.padEnd(2_100_000)}\n${OK}`]],
      /up to 2097152 characters/,
    ],
    ['a second welcome', (id) => [[2, id, 1, 'json', '{}']], /second welcome/],
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
      (id) => [[EFFECT, 1, id + 9, 'client.loadConsumer', '[]']],
      /cannot have it/,
    ],
    [
      'an effect that does not exist',
      (id) => [[EFFECT, 1, id, 'fs.readFile', '["/etc/passwd"]']],
      /no effect here/,
    ],
    [
      'an effect that only reads',
      (id) => [[EFFECT, 1, id, 'request.getHeader', '["a"]']],
      /no effect here/,
    ],
    [
      'an effect without arguments',
      (id) => [[EFFECT, 1, id, 'client.loadConsumer', '{']],
      /no JSON/,
    ],
    [
      'an effect twice',
      (id) => [
        [EFFECT, 1, id, 'timer.sleep', '[1]'],
        [EFFECT, 1, id, 'timer.sleep', '[1]'],
      ],
      /cannot have it/,
    ],
    [
      'more effects than a call may have',
      (id) =>
        Array.from({ length: 4_097 }, (_, at) => [EFFECT, at + 1, id, 'timer.sleep', '[1000000]']),
      /more than 4096 effects/,
    ],
    [
      'a result that is too long',
      (id) => [[RESULT, id, ' '.repeat(2 ** 21 + 1)]],
      /result is up to/,
    ],
    [
      'a failure that is too long',
      (id) => [[FAILED, id, 'error', 'm'.repeat(4_097), false, '[]']],
      /message of a failure is up to/,
    ],
    [
      'a failure with too long a log',
      (id) => [[FAILED, id, 'error', 'm', false, ' '.repeat(2 ** 21 + 1)]],
      /log of a failure is up to/,
    ],
    ['a timer without a time', (id) => [[EFFECT, 1, id, 'timer.sleep', '["x"]']], /timer without/],
    ['a failure of no kind', (id) => [[FAILED, id, 'whatever', 'm', false, '[]']], /kind/],
    ['a frame without an array', () => [{ a: 1 }], /holds an array/],
    ['garbage', () => Buffer.from('HTTP/1.1 200 OK\r\n\r\n'), /bytes long/],
    ['a frame of 2 GB', () => Buffer.from([0xff, 0xff, 0xff, 0x7f, 0x90]), /bytes long/],
    ['an empty frame', () => Buffer.from([0, 0, 0, 0]), /bytes long/],
    [
      'nested deeper than 64',
      () => Buffer.from([70, 0, 0, 0, ...Array<number>(70).fill(0x91)]),
      /deeper/,
    ],
  ])('%s', async (_name, frames, reason) => {
    const { host, lines } = await startWith(([type, id], reply) => {
      if (type === CALL) reply(frames(id))
    })
    const call = makeCall({ key: 'key' })
    await expect(host.call(call)).rejects.toMatchObject({ kind: 'killed' })
    expect(call.applied).toEqual([])
    expect(lines.join()).toMatch(reason)
    const next = makeCall({ key: 'key' })
    await host.call(next)
    expect(next.applied).toHaveLength(1)
    await host.close()
  })

  test.each([
    ['no JSON', '{"changes":'],
    ['JSON that is too deep', `{"changes":${'['.repeat(100)}${']'.repeat(100)}}`],
  ])('a result that is %s is refused, and costs no process', async (_name, payload) => {
    const { host } = await startWith(([type, id], reply) => {
      if (type === CALL) reply([[RESULT, id, payload]])
    })
    await expect(host.call(makeCall({ key: 'key' }))).rejects.toMatchObject({ kind: 'refused' })
    expect(host.stats().kills).toBe(0)
    await host.close()
  })

  test('a second result for the same call', async () => {
    const { host } = await startWith(([type, id], reply) => {
      if (type === CALL)
        reply([
          [RESULT, id, OK],
          [RESULT, id, OK],
        ])
    })
    await host.call(makeCall({ key: 'key' }))
    await expect.poll(() => host.stats().kills).toBe(1)
    await host.close()
  })

  test('a stream that ends within a frame', async () => {
    const { host } = await startWith(([type], reply) => {
      if (type === CALL) reply(Buffer.from([10, 0, 0, 0, 0x93]))
    })
    await expect(host.call(makeCall({ key: 'key', timeoutMs: 60_000 }))).rejects.toMatchObject({
      kind: 'killed',
    })
    await host.close()
  })
})

describe('calls that had no answer', () => {
  /** Calls with names; what they gave is kept in the order in which it was applied. */
  async function callAll(host: ProcessHost, names: readonly string[]) {
    const applied: string[] = []
    const calls = names.map((name) => {
      const view = { request: { id: name } }
      return { ...makeCall({ key: 'key', view }), apply: () => void applied.push(name) }
    })
    const ends = await Promise.allSettled(calls.map((call) => host.call(call)))
    return { applied, ends: ends.map(({ status }) => status) }
  }

  test('go to the next child in their order when nobody knows which of them it was', async () => {
    let seen = 0
    const { host } = await startWith(([type, id], reply) => {
      if (type !== CALL) return
      if (++seen === 1) reply([[RESULT, id, OK]])
      if (seen === 4) reply(Buffer.from([0, 0, 0, 0]))
    })
    const { applied, ends } = await callAll(host, ['a', 'b', 'c', 'd'])
    expect(ends).toEqual(Array(4).fill('fulfilled'))
    expect(applied).toEqual(['a', 'b', 'c', 'd'])
    await host.close()
  })

  test('reach the next child one by one, so that the one that ends it is known and fails', async () => {
    const underWay: number[] = []
    const { host, strikes } = await startWith(
      ([type, id, , , , view], reply) => {
        if (type !== CALL) return
        underWay.push(id)
        if (String(view).includes('"id":"d"')) reply(Buffer.from([0, 0, 0, 0]))
      },
      ([type, id, , , , view], reply) => {
        if (type !== CALL) return
        // Answered later: whoever does not wait for it would have come meanwhile.
        const mostUnderWay = underWay.length
        underWay.push(id)
        setTimeout(() => {
          expect(underWay).toHaveLength(mostUnderWay + 1)
          underWay.length = 0
          if (String(view).includes('"id":"b"')) reply(Buffer.from([0, 0, 0, 0]))
          else reply([[RESULT, id, OK]])
        }, 20)
        expect(mostUnderWay).toBe(0)
      },
    )
    underWay.length = 0
    const ending = callAll(host, ['a', 'b', 'c', 'd'])
    await expect.poll(() => host.stats().kills).toBe(1)
    underWay.length = 0
    const { applied, ends } = await ending
    expect(ends).toEqual(['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])
    expect(applied).toEqual(['a', 'c', 'd'])
    expect(host.stats().kills).toBe(2)
    // Only the second was about somebody.
    expect([...strikes.values()]).toEqual([1])
    await host.close()
  })
})

test('a call that has asked for something is not done again when its child dies among several', async () => {
  const { host } = await startWith(([type, id], reply) => {
    if (type !== CALL) return
    reply([[EFFECT, id + 100, id, 'cache.set', '["k",1]']])
    setImmediate(() => reply(Buffer.from([0, 0, 0, 0])))
  })
  const [first, second] = [makeCall({ key: 'key' }), makeCall({ key: 'key' })]
  const ends = await Promise.allSettled([host.call(first), host.call(second)])
  expect(ends[0]).toMatchObject({ status: 'rejected', reason: { kind: 'killed' } })
  expect(first.effects.length + second.effects.length).toBeLessThanOrEqual(1)
  await host.close()
})

test.each([
  ['of the same', `${OK}\n${OK}`, 'fulfilled'],
  ['of nothing', '\n'.repeat(9), 'rejected'],
])('a child that gives more results than it has calls is killed: %s', async (_, text, status) => {
  const { host, lines } = await startWith(([type, id], reply) => {
    if (type === CALL) reply([[RESULTS, id, text]])
  })
  // Its own line came first.
  const [end] = await Promise.allSettled([host.call(makeCall({ key: 'key' }))])
  expect(end).toMatchObject({ status })
  expect(lines.join()).toMatch(/more than calls have come/)
  expect(host.stats().kills).toBe(1)
  await host.close()
})

test('a call that follows nothing cannot be skipped', async () => {
  const { host } = await startWith(([type, id], reply) => {
    if (type === CALL) reply([[7, id, 'skipped', 'no', false, '[]']])
  })
  await expect(host.call(makeCall({ key: 'key' }))).rejects.toMatchObject({ kind: 'killed' })
  await host.close()
})

test('what comes for a call that was cancelled is ignored until the cancel is answered', async () => {
  const frames: Frame[] = []
  const { host } = await startWith((frame, reply) => {
    frames.push(frame)
    const [type, id] = frame
    if (type === CALL) reply([[ACK, id]])
    if (type === CANCEL) {
      const call = frame[2] as number
      reply([
        [EFFECT, 9, call, 'timer.sleep', '[1]'],
        [RESULT, call, OK],
        [ACK, id],
      ])
    }
  })
  const call = makeCall({ key: 'key', timeoutMs: 50 })
  await expect(host.call(call)).rejects.toMatchObject({ kind: 'timeout' })
  await expect.poll(() => frames.some(([type]) => type === CANCEL)).toBe(true)
  expect(call.applied).toEqual([])
  expect(host.stats().kills).toBe(0)
  expect(frames.some(([type]) => type === EFFECT_RESULT)).toBe(false)
  await host.close()
})
