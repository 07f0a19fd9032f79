import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { serve } from '@sallyport/sdk/serve'
import { describe, expect, onTestFinished, test } from 'vitest'
import { createRemoteHostFactory } from '../../../sandbox/create-hosts.ts'
import { withLimits } from '../../../sandbox/limits.ts'
import type { Piece } from '../../../sandbox/process/piece.ts'
import type { SandboxProcess } from '../../../sandbox/process/sandbox-process.ts'
import { REMOTE_LIMITS, type RemoteLimits } from '../../../sandbox/remote/remote-limits.ts'
import { readToldUsage, UsageQuestions } from '../../../sandbox/remote/told-usage.ts'
import { makeCall, makeHostOptions, makePlugin } from '../../support/host-call.ts'
import { startFakeProgram, TYPES } from './fake-program.ts'

const { result: RESULT, failed: FAILED, ack: ACK, stats: STATS } = TYPES
const INSTANCE = { key: 'key', id: 'id', pluginName: 'p', config: {} }
const TOLD = [{ plugin: 'p', cpuUs: 1_500_000, heapBytes: 7 }]

/** A host whose program is asked as often as possible. */
async function start(
  answer: Parameters<typeof startFakeProgram>[0],
  remote: Partial<RemoteLimits> = {},
) {
  const program = await startFakeProgram(answer)
  onTestFinished(() => program.close())
  const { host, lines } = startHost(program.path, { statsMs: 1, ...remote })
  await host.configure([INSTANCE])
  const asked = () => program.frames.filter(([type]) => type === STATS).length
  return { host, program, lines, asked }
}

function startHost(socket: string, remote: Partial<RemoteLimits>) {
  const { options, lines } = makeHostOptions({ limits: { strikesMax: 100 } })
  const plugin = makePlugin('p', '')
  const host = createRemoteHostFactory({
    ...options,
    remote: { backOffMs: 1, failuresMax: 1_000, ...remote },
  }).createHost({
    name: 'plugin:p',
    tenant: null,
    plugins: [
      {
        ...plugin,
        manifest: { ...plugin.manifest, phases: ['access'] },
        source: null,
        tier: 'remote',
        origin: `unix:${socket}`,
      },
    ],
  })
  onTestFinished(() => host.close())
  return { host, lines }
}

describe('what a remote program tells of itself', () => {
  test('is told on, without calls too, and is forgotten when the program is away', async () => {
    const { host, program, asked } = await start(([type, id], reply) => {
      if (type !== STATS) return
      reply([[RESULT, id, TOLD]])
      return true
    })
    await expect.poll(() => host.stats().told).toEqual({ cpuMs: 1_500, heapBytes: 7 })
    // Nothing is told as if it had been seen.
    expect(host.stats()).not.toHaveProperty('rssBytes')
    expect(host.stats()).not.toHaveProperty('cpuMs')
    const before = asked()
    await expect.poll(asked).toBeGreaterThan(before)
    await program.stop()
    await expect.poll(() => host.stats().told).toBeNull()
    await program.start()
    await expect.poll(() => host.stats().told).not.toBeNull()
  })

  test('may be nothing: it fails, and its calls are served as before', async () => {
    const { host, asked } = await start(([type, id], reply) => {
      if (type !== STATS) return
      reply([[FAILED, id, 'error', 'no idea', false, []]])
      return true
    })
    await expect.poll(asked).toBeGreaterThan(1)
    await host.call(makeCall({ key: 'key' }))
    expect(host.stats()).toMatchObject({ told: null, kills: 0, errors: 0 })
  })

  test('is not waited for by itself, and not for long by calls: then it is not asked again', async () => {
    const deaf = new WeakSet<object>()
    const { host, program, lines, asked } = await start(
      ([type], _reply, socket) => {
        if (type === STATS) deaf.add(socket)
        return deaf.has(socket) || undefined
      },
      { pingAfterMs: 30, silenceMs: 10_000 },
    )
    await expect.poll(asked).toBe(1)
    const call = makeCall({ key: 'key' })
    await host.call(call)
    // It was sent again, over a connection of its own.
    expect(call.applied).toHaveLength(1)
    expect(program.connections()).toBe(2)
    expect(lines.join('\n')).toMatch(/no answer to stats for \d+ ms, while calls wait/)
    expect(lines.join('\n')).toMatch(/not asked for stats any more/)
    for (let i = 0; i < 5; i++) await host.call(makeCall({ key: 'key' }))
    expect(asked()).toBe(1)
    expect(host.stats()).toMatchObject({ told: null, kills: 1, errors: 0 })
  })

  test('comes in its order: whoever answers a call first is hung up on, and the call is served', async () => {
    const { host, asked } = await start(([type]) => type === STATS || undefined)
    await expect.poll(asked).toBe(1)
    const call = makeCall({ key: 'key' })
    await host.call(call)
    expect(call.applied).toHaveLength(1)
    expect(host.stats()).toMatchObject({ kills: 1, errors: 0 })
    expect(asked()).toBe(1)
  })

  test('is a result: whoever only acknowledges the question is hung up on once', async () => {
    const { host, program, lines, asked } = await start(([type, id], reply) => {
      if (type !== STATS) return
      reply([[ACK, id]])
      return true
    })
    await expect.poll(program.connections).toBe(2)
    await host.call(makeCall({ key: 'key' }))
    expect([asked(), program.connections()]).toEqual([1, 2])
    expect(lines.join('\n')).toMatch(/ack for \d+, which is not being done/)
    // Nobody's call was in it, so it is no strike.
    expect(host.state).toBe('ready')
  })

  test('that is longer than a result may be ends the connection', async () => {
    let answers = 0
    const { program, lines } = await start(([type, id], reply) => {
      if (type !== STATS) return
      reply([[RESULT, id, answers++ === 0 ? 'x'.repeat(3_000_000) : TOLD]])
      return true
    })
    await expect.poll(program.connections).toBe(2)
    expect(lines.join('\n')).toMatch(/a result is up to \d+ characters long/)
  })
})

describe('the question', () => {
  const remote: RemoteLimits = { ...REMOTE_LIMITS, statsMs: 1_000, pingAfterMs: 100 }

  function makeQuestions() {
    const sent: Piece[] = []
    const process = {
      ...{ isDown: false, head: null as object | null, isBusy: false, pieces: 0 },
      send(piece: Piece) {
        sent.push(piece)
        Object.assign(process, { head: piece, isBusy: true, pieces: process.pieces + 1 })
      },
    }
    const questions = new UsageQuestions({
      ...{ pluginName: 'p', limits: withLimits({}), remote },
      current: () => process as unknown as SandboxProcess,
    })
    const answer = (payload: unknown) => {
      const piece = sent.at(-1)!
      Object.assign(process, { head: null, isBusy: false, pieces: 0 })
      piece.onEnd({ name: 'result', id: 1, payload: JSON.stringify(payload) })
    }
    return { questions, process, sent, answer }
  }

  test('is put when it is time and nothing is at its turn', () => {
    const { questions, process, sent, answer } = makeQuestions()
    const [call, waits] = [
      { head: {}, isBusy: true },
      { head: null, isBusy: true },
    ]
    const quiet = { head: null, isBusy: false }
    const look = (nowMs: number, state: object) => {
      Object.assign(process, state)
      questions.look(nowMs)
      return sent.length
    }
    expect(look(0, call)).toBe(0)
    // Nobody knows yet whether it can answer.
    expect(look(0, waits)).toBe(0)
    expect(look(0, quiet)).toBe(1)
    questions.look(5_000)
    expect(sent).toHaveLength(1)
    answer(TOLD)
    expect(questions.told).toEqual({ cpuMs: 1_500, heapBytes: 7 })
    expect(look(999, quiet)).toBe(1)
    expect(look(1_000, call)).toBe(1)
    expect(look(1_000, waits)).toBe(2)
  })

  test('keeps calls waiting for a moment only, unless it was answered before', () => {
    const { questions, process, answer } = makeQuestions()
    const alive = process as unknown as SandboxProcess
    questions.look(0)
    expect(questions.isAlone(alive)).toBe(true)
    expect(questions.overdue(alive, 10_000)).toBeNull()
    process.pieces = 2
    expect(questions.isAlone(alive)).toBe(false)
    expect(questions.overdue(alive, 99)).toBeNull()
    expect(questions.overdue(alive, 100)).toMatch(/no answer to stats for 100 ms/)
    answer([])
    questions.look(1_000)
    process.pieces = 2
    expect(questions.overdue(alive, 10_000)).toBeNull()
    // Lost with the question in it, as with anything else.
    expect(questions.onDown()).toBe(false)
  })
})

test.each([
  ['nothing', []],
  ['no list', { plugin: 'p', cpuUs: 1, heapBytes: 1 }],
  ['null', null],
  ['another plugin', [{ plugin: 'q', cpuUs: 1, heapBytes: 1 }]],
  ['a part', [{ plugin: 'p', cpuUs: 1 }]],
  ['text', [{ plugin: 'p', cpuUs: '1', heapBytes: 1 }]],
  ['less than nothing', [{ plugin: 'p', cpuUs: 1, heapBytes: -1 }]],
  ['more than there is', [{ plugin: 'p', cpuUs: 1e300, heapBytes: 1 }]],
  ['more than was asked for', [...TOLD, ...Array<object>(100).fill({})]],
  ['a long name', [...TOLD, 'x'.repeat(5_000)]],
  ['depth', [...TOLD, [[[]]]]],
])('a program that tells %s tells nothing', (_what, payload) => {
  expect(readToldUsage(JSON.stringify(payload), 'p')).toBeNull()
})

test('a program that tells of others besides tells of itself', () => {
  const others = [null, 1, { plugin: 'q' }, ...TOLD]
  expect(readToldUsage(JSON.stringify(others), 'p')).toEqual({ cpuMs: 1_500, heapBytes: 7 })
})

test('a program made with serve tells what its process uses', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'served-'))
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }))
  const socket = join(folder, 'p.sock')
  const served = await serve({ name: 'p', version: '1.0.0', access() {} }, { socket })
  onTestFinished(() => served.close())
  const host = startHost(socket, { statsMs: 1 }).host
  await host.configure([INSTANCE])
  await expect.poll(() => host.stats().told?.cpuMs).toBeGreaterThan(0)
  const { told } = host.stats()
  // It is this process, which has burnt more by now.
  const { user, system } = process.cpuUsage()
  expect(told!.cpuMs).toBeLessThanOrEqual((user + system) / 1_000)
  expect(told!.heapBytes).toBeGreaterThan(1_000_000)
})
