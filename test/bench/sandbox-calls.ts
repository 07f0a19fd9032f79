import { spawn } from 'node:child_process'
import type { Duplex } from 'node:stream'
import { setImmediate as nextTurn } from 'node:timers/promises'
import { toCallText } from '@sallyport/sdk/guest'
import { addMessage, FrameEncoder } from '@sallyport/sdk/protocol'
import type { HostCall, PluginHost } from '../../kernel/plugin-host.ts'
import {
  type Figure,
  makeRepeatable,
  makeScene,
  medianSpent,
  quantile,
  spareIsReady,
  spend,
  startHost,
  tenantOf,
} from './sandbox-scene.ts'

const ROUNDS = 5
const ISOLATE_CALLS = 50_000
const LONE_CALLS = 3_000
const CROWD_CALLS = 20_000
const CROWD = 32

/** Reads and writes as the sandbox host does, and does nothing else. */
const ECHO = `const { readSync, writeSync } = require('node:fs'); const bytes = Buffer.alloc(65536)
for (let count; (count = readSync(3, bytes)) > 0;)
  for (let at = 0; at < count;) at += writeSync(3, bytes, at, count - at)`

/**
 * In the worker: one call after the other, whose result is there when `call` returns; and as many in each turn
 * of the event loop as requests that are under way.
 */
export async function measureIsolate(): Promise<Figure[]> {
  const host = await startHost(await makeScene('isolate'), 'plugin:bench', null)
  const { call, applied } = makeRepeatable()
  const work = (): void => {
    for (let i = 0; i < ISOLATE_CALLS; i++) {
      if (host.call(call) !== undefined) throw new Error('the handler did not end at once')
    }
  }
  const alone = medianSpent(await inRounds(() => spend(ISOLATE_CALLS, work)))
  const calls = ISOLATE_CALLS
  // What a turn brings waits for its end when the one before has brought many.
  await callInCrowd(host, call, CROWD)
  await nextTurn()
  const crowd = medianSpent(
    await inRounds(() => spend(calls, () => callInCrowd(host, call, calls))),
  )
  expectCount(applied(), 2 * (ROUNDS + 1) * ISOLATE_CALLS + CROWD)
  await host.close()
  return [
    { what: 'isolate, one handler: CPU µs a call', value: alone.cpuUs, bar: '≤ 4' },
    { what: 'isolate, one handler: µs a call', value: alone.wallUs },
    { what: `isolate, ${CROWD} in a turn: CPU µs a call`, value: crowd.cpuUs, bar: '≤ 4' },
  ]
}

/**
 * One call in flight, beside a child that only echoes. `bar` only where both have their core for certain:
 * to wake another one, in a virtual machine, takes longer than either.
 */
export async function measureLone(bar: string | null): Promise<Figure[]> {
  const host = await startProcess()
  const { call, applied } = makeRepeatable()
  const echo = startEcho(toFrame())
  const times = { echo: [] as number[], host: [] as number[] }
  // In turns: what else the machine does meets both alike.
  await inRounds(async (isWarm) => {
    const echoed = await timeEach(echo.roundTrip)
    const called = await timeEach(() => host.call(call) as Promise<void>)
    if (!isWarm) return
    times.echo.push(...echoed)
    times.host.push(...called)
  })
  echo.end()
  expectCount(applied(), (ROUNDS + 1) * LONE_CALLS)
  await host.close()
  const [echoUs, hostUs] = [quantile(times.echo), quantile(times.host)]
  const where = bar === null ? '' : ', one core'
  const beyond = { what: `process beyond echo${where}: µs of the medians`, value: hostUs - echoUs }
  return [
    { what: `echo child, 1 in flight${where}: median µs`, value: echoUs },
    { what: `echo child, 1 in flight${where}: p99 µs`, value: quantile(times.echo, 0.99) },
    { what: `process, 1 in flight${where}: median µs`, value: hostUs },
    { what: `process, 1 in flight${where}: p99 µs`, value: quantile(times.host, 0.99) },
    bar === null ? beyond : { ...beyond, bar },
  ]
}

/** Many calls in flight. */
export async function measureCrowd(): Promise<Figure[]> {
  const host = await startProcess()
  const { call, applied } = makeRepeatable()
  const crowd = medianSpent(
    await inRounds(() => spend(CROWD_CALLS, () => callInCrowd(host, call, CROWD_CALLS))),
  )
  expectCount(applied(), (ROUNDS + 1) * CROWD_CALLS)
  await host.close()
  return [
    { what: `process, ${CROWD} in flight: calls/s`, value: 1e6 / crowd.wallUs, bar: '≥ 100000' },
    { what: `process, ${CROWD} in flight: CPU µs here`, value: crowd.cpuUs, bar: '≤ 6' },
    { what: `process, ${CROWD} in flight: CPU µs in the child`, value: crowd.childCpuUs },
  ]
}

async function startProcess(): Promise<PluginHost> {
  const scene = await makeScene('process')
  const host = await startHost(scene, 'tenant:bench', tenantOf('process'))
  await spareIsReady(scene)
  const { layers } = host.stats().sandbox!
  const missing = Object.keys(layers).filter((name) => layers[name] === false)
  if (missing.length > 0) console.error(`layers not in force: ${missing.join(', ')}`)
  return host
}

/** A round that is not counted, then the rounds that are. */
async function inRounds<T>(round: (isWarm: boolean) => Promise<T>): Promise<T[]> {
  await round(false)
  const results: T[] = []
  for (let i = 0; i < ROUNDS; i++) results.push(await round(true))
  return results
}

async function timeEach(work: () => Promise<void>): Promise<number[]> {
  const times: number[] = []
  for (let i = 0; i < LONE_CALLS; i++) {
    const started = performance.now()
    await work()
    times.push((performance.now() - started) * 1_000)
  }
  return times
}

async function callInCrowd(host: PluginHost, call: HostCall, count: number): Promise<void> {
  let left = count
  const lane = async (): Promise<void> => {
    while (left-- > 0) await host.call(call)
  }
  await Promise.all(Array.from({ length: CROWD }, lane))
}

/** The frame of the call that is measured beside. */
function toFrame(): Buffer {
  const { call } = makeRepeatable()
  const { instanceKey, phase } = call
  const text = toCallText({ id: 1, instanceKey, phase, view: call.view() })
  const encoder = new FrameEncoder()
  addMessage(encoder, { name: 'calls', id: 1, text })
  return encoder.take()
}

/** A bare child on the same kind of channel, and one way there and back of the frame. */
function startEcho(frame: Buffer): { roundTrip: () => Promise<void>; end: () => void } {
  const child = spawn(process.execPath, ['-e', ECHO], {
    env: {},
    stdio: ['ignore', 'ignore', 'inherit', 'pipe'],
  })
  const channel = child.stdio[3] as Duplex
  let missing = 0
  let done = (): void => undefined
  channel.on('data', (bytes: Buffer) => {
    missing -= bytes.length
    if (missing === 0) done()
  })
  const roundTrip = (): Promise<void> =>
    new Promise((resolve) => {
      missing = frame.length
      done = resolve
      channel.write(frame)
    })
  return { roundTrip, end: () => channel.destroy() }
}

function expectCount(applied: number, wanted: number): void {
  if (applied !== wanted) throw new Error(`${applied} results were applied instead of ${wanted}`)
}
