import { spawn } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { afterEach, describe, expect, onTestFinished, test, vi } from 'vitest'
import type { PluginHost } from '../../kernel/plugin-host.ts'
import { createProcessHostFactory } from '../../sandbox/create-hosts.ts'
import { makeCall, makeHostOptions, makePlugin } from '../support/host-call.ts'
import { canRaise } from '../../sandbox/process/child-priority.ts'
import { ChildWatch } from '../../sandbox/process/child-watch.ts'
import { loadSetIdle } from '../../sandbox/process/idle-policy.ts'
import { TICK_MS } from '../../sandbox/process/kill-clock.ts'
import { Piece } from '../../sandbox/process/piece.ts'
import type { SandboxProcess } from '../../sandbox/process/sandbox-process.ts'
import { SANDBOX_LIMITS } from '../../sandbox/limits.ts'
import { childrenOfThisProcess } from './children.ts'

const hosts: PluginHost[] = []
afterEach(async () => {
  vi.restoreAllMocks()
  await Promise.all(hosts.splice(0).map((host) => host.close()))
})

const INSTANCE = { key: 'key', id: 'id', pluginName: 'p', config: {} }
const BODY = `access(pdk) {
  const until = Date.now() + Number(pdk.request.getId())
  while (Date.now() < until);
}`
const SCHED_IDLE = 5
/** What a sandbox has in service, beside this process. */
const SERVING = `nice ${Math.min(19, getPriority() + 5)}`
/** What it has when it takes more than it should, or nobody waits for it. */
const LOW = loadSetIdle() === null ? `nice ${Math.min(19, getPriority() + 10)}` : 'idle'
/** More CPU than the 50 ms that a handler may count on, also on a machine that is busy. */
const LONG_MS = 600

/** Of all its threads, each value once. */
function prioritiesOf(pid: number): string[] {
  const threads = readdirSync(`/proc/${pid}/task`)
  return [...new Set(threads.map((thread) => priorityOf(`/proc/${pid}/task/${thread}/stat`)))]
}

/** Fields 19 and 41 of `proc_pid_stat(5)`. */
function priorityOf(file: string): string {
  const stat = readFileSync(file, 'latin1')
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[38]) === SCHED_IDLE ? 'idle' : `nice ${fields[16]}`
}

describe.skipIf(!canRaise())('the priority of a sandbox (with CAP_SYS_NICE)', () => {
  async function start() {
    // What takes long is not to be killed here.
    const limits = { killCpuMs: 60_000, guestTurnMs: 20_000, silenceMs: 20_000 }
    const clock = { nowMs: 0 }
    const made = makeHostOptions({ limits, nowMs: () => clock.nowMs })
    const factory = createProcessHostFactory(made.options)
    const host = factory.createHost({
      ...{ name: 'tenant:t', tenant: 't' },
      plugins: [makePlugin('p', BODY)],
    })
    hosts.push(host)
    await host.configure([INSTANCE])
    const take = (ms: number) =>
      host.call(makeCall({ key: 'key', view: { request: { id: String(ms) } } })) as Promise<void>
    // The one with the lower number has been taken, the other waits to be.
    const pid = childrenOfThisProcess().toSorted((one, other) => one - other)[0]!
    // To configure it may have taken long as well.
    await expect.poll(() => prioritiesOf(pid), { interval: 5 }).toEqual([SERVING])
    return { factory, host, take, pid, clock }
  }

  test('is low once a call has burnt more than it may count on, and as it was afterwards', async () => {
    const { take, pid } = await start()
    const ended = take(LONG_MS)
    await expect.poll(() => prioritiesOf(pid), { interval: 5 }).toEqual([LOW])
    await ended
    await expect
      .poll(async () => (await take(0), prioritiesOf(pid)), { interval: 5 })
      .toEqual([SERVING])
  })

  test('is low while a spare starts that nobody waits for, and in its first minute after a death', async () => {
    const { factory, host, take, pid, clock } = await start()
    await expect.poll(() => factory.spares?.()[0]?.state, { timeout: 20_000 }).toBe('ready')
    const spare = childrenOfThisProcess().find((other) => other !== pid)!
    expect(prioritiesOf(spare)).toEqual([LOW])
    process.kill(pid, 'SIGKILL')
    await expect.poll(() => host.stats().starts, { timeout: 20_000 }).toBe(2)
    // Until a call has waited for long, which on a busy machine one may.
    const isLow = async () => (await take(0), prioritiesOf(spare))
    await expect.poll(isLow, { interval: 5, timeout: 20_000 }).toEqual([LOW])
    clock.nowMs += SANDBOX_LIMITS.strikeWindowMs
    const isServing = async () => (await take(0), prioritiesOf(spare))
    await expect.poll(isServing, { interval: 5 }).toEqual([SERVING])
  })

  test('is not touched by calls that burn what they may', async () => {
    const { take, pid } = await start()
    const seen = new Set<string>()
    for (let i = 0; i < 20; i++) {
      await take(30)
      for (const priority of prioritiesOf(pid)) seen.add(priority)
    }
    expect([...seen]).toEqual([SERVING])
  })
})

test.skipIf(process.platform !== 'linux')(
  'a call after a death is not left for long with what others leave',
  () => {
    const clock = { nowMs: 1_000 }
    vi.spyOn(performance, 'now').mockImplementation(() => clock.nowMs)
    const { options } = makeHostOptions()
    const nowMs = () => clock.nowMs
    const limits = SANDBOX_LIMITS
    const watch = new ChildWatch({ ...options, name: 'p', tenant: null, limits, nowMs })
    // It has its turn and burns nothing, as if it got no CPU.
    const sleeper = spawn('sleep', ['60'])
    onTestFinished(() => void sleeper.kill())
    const child = {
      pid: sleeper.pid,
      isDown: false,
      head: null as Piece | null,
      pieces: 1,
      lastAnswerMs: 0,
    }
    const tick = (afterMs: number): boolean => {
      clock.nowMs += afterMs
      expect(watch.tick(child.head !== null)).toBeNull()
      return watch.isLow
    }
    watch.begin(child as unknown as SandboxProcess)
    expect(tick(TICK_MS)).toBe(false)
    watch.suspect()
    expect(tick(TICK_MS)).toBe(true)
    child.head = new Piece('call', null)
    expect([tick(TICK_MS), tick(50), tick(49), tick(1)]).toEqual([true, true, true, false])
    // What is no call is never left so.
    child.head = new Piece('load', null)
    expect(tick(TICK_MS)).toBe(false)
  },
)
