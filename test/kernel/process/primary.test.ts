import { spawn } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, renameSync } from 'node:fs'
import { createServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { toManifest } from '@sallyport/sdk'
import type { PluginListing } from '../../../kernel/process/plugin-listing.ts'
import { ConfigurationRefused } from '../../../kernel/process/reloader.ts'
import { isAlive, startTestPrimary, toConfiguration, until } from '../../support/test-primary.ts'

interface State {
  pid: number
  version: number
  services: string[]
}

describe('a primary', () => {
  test('passes its snapshot to every worker before it is ready', async () => {
    const primary = await startTestPrimary({ workers: 2 })
    expect(primary.workers.map(({ state, version }) => [state, version])).toEqual([
      ['serving', 1],
      ['serving', 1],
    ])
    expect(await primary.get('/state')).toMatchObject({ version: 1, services: ['first'] })
    expect(primary.stderr.text).toContain('the gateway is ready')
  })

  test('tells its readiness and metrics also while a worker is stuck', async () => {
    const primary = await startTestPrimary({
      statusListen: { hostname: '127.0.0.1', port: 0 },
      timings: { silenceMs: 60_000 },
    })
    const url = `http://127.0.0.1:${primary.statusAddress!.port}`
    const metrics = async () => (await fetch(`${url}/metrics`)).text()
    expect(await metrics()).toMatch(/^sallyport_worker_answers\{worker="1",pid="\d+"\} 1$/m)
    expect((await fetch(`${url}/status/ready`)).status).toBe(200)
    expect((await fetch(`${url}/metrics`, { method: 'POST' })).status).toBe(405)
    const hanging = primary.get('/hang').catch(() => null)
    await until(() => primary.workers.length === 1)
    await expect.poll(metrics).toMatch(/^sallyport_worker_answers\{worker="1",pid="\d+"\} 0$/m)
    primary.kill()
    await hanging
  })

  test('does not start when a worker refuses the first snapshot', async () => {
    const start = startTestPrimary({
      readConfiguration: () => Promise.resolve(toConfiguration(['refuse-me'])),
    })
    await expect(start).rejects.toThrow('"refuse-me" cannot be compiled')
  })

  test('does not start on an address that is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    const start = startTestPrimary({ proxyListen: { hostname: '127.0.0.1', port } })
    await expect(start).rejects.toThrow(`cannot listen on 127.0.0.1:${port}: the address is in use`)
    other.close()
  })

  test('does not start when the access log cannot be opened', async () => {
    const start = startTestPrimary({ accessLog: { path: '/nowhere/access.log' } })
    await expect(start).rejects.toThrow('access log: cannot open "/nowhere/access.log"')
  })

  test('does not start when the program of its workers ends at once', async () => {
    const start = startTestPrimary({
      program: { file: '/nowhere/worker.js', args: [], execArgv: [] },
    })
    await expect(start).rejects.toThrow('it exited with code 1')
  })
})

describe('a worker that is lost', () => {
  test('is replaced, while who connects meanwhile waits for its replacement', async () => {
    const primary = await startTestPrimary()
    const { pid } = await primary.get<State>('/state')
    process.kill(pid, 'SIGKILL')
    await until(() => !isAlive(pid))
    // The only worker is dead at this moment: these connections are in the queue of the socket.
    const states = await Promise.all([1, 2, 3].map(() => primary.get<State>('/state')))
    for (const state of states) {
      expect(state.pid).not.toBe(pid)
      expect(state.services).toEqual(['first'])
    }
    expect(primary.stderr.text).toContain('it was ended by SIGKILL')
  })

  test('is killed when it has been silent for too long, and replaced', async () => {
    const primary = await startTestPrimary({ timings: { silenceMs: 400 } })
    const { pid } = await primary.get<State>('/state')
    await expect(primary.get('/hang')).rejects.toThrow('fetch failed')
    expect((await primary.get<State>('/state')).pid).not.toBe(pid)
    expect(primary.stderr.text).toContain('it was silent for too long')
  })

  test('leaves the others alone', async () => {
    const primary = await startTestPrimary({ workers: 2 })
    const [first, second] = primary.workers
    process.kill(first!.pid, 'SIGKILL')
    await until(
      () =>
        primary.workers.filter(({ pid, state }) => pid !== first!.pid && state === 'serving')
          .length === 2,
    )
    expect(primary.workers.map(({ pid }) => pid)).toContain(second!.pid)
    expect(isAlive(second!.pid)).toBe(true)
  })

  test('is replaced at once the first time and later after a pause', async () => {
    const timings = { backOffMs: 300, backOffMaxMs: 300 }
    const primary = await startTestPrimary({ timings })
    for (let kill = 0; kill < 2; kill += 1) {
      process.kill((await primary.get<State>('/state')).pid, 'SIGKILL')
      await until(() => primary.workers.every(({ state }) => state !== 'serving'))
    }
    await primary.get('/state')
    const delays = primary.stderr.lines
      .map((line) => JSON.parse(line) as { delayMs?: number })
      .flatMap(({ delayMs }) => delayMs ?? [])
    expect(delays).toEqual([0, 300])
  })

  test('finishes what it has in flight when an error reached nobody', async () => {
    const primary = await startTestPrimary()
    const { pid } = await primary.get<State>('/state')
    const slow = primary.get('/slow?ms=300')
    await primary.get('/throw')
    expect(await slow).toBe('slow and whole')
    await until(() => !isAlive(pid))
    expect((await primary.get<State>('/state')).pid).not.toBe(pid)
    expect(primary.stderr.text).toContain('nobody catches this')
  })

  test('is not lost by a rejected promise that nobody handles', async () => {
    const primary = await startTestPrimary()
    const { pid } = await primary.get<State>('/state')
    await primary.get('/stray')
    await until(() => primary.stderr.text.includes('stray'))
    expect((await primary.get<State>('/state')).pid).toBe(pid)
  })

  test('was hurt by a plugin in an isolate, which runs in a process from then on', async () => {
    const wild: PluginListing = {
      manifest: toManifest({ name: 'wild', version: '1.0.0' }),
      tier: 'isolate',
      bundled: false,
      source: '',
      origin: '/wild.js',
    }
    const primary = await startTestPrimary({ plugins: [wild] })
    expect(await primary.get('/tiers')).toEqual(['isolate'])
    const { pid } = await primary.get<State>('/state')
    await primary.get('/poison')
    await until(() => !isAlive(pid))
    expect(await primary.get('/tiers')).toEqual(['process'])
    expect(primary.stderr.text).toContain('it looped')
  })

  test('drains and is replaced when it gets a SIGTERM of its own', async () => {
    const primary = await startTestPrimary()
    const { pid } = await primary.get<State>('/state')
    const slow = primary.get('/slow?ms=500')
    await primary.get('/state')
    process.kill(pid, 'SIGTERM')
    expect(await slow).toBe('slow and whole')
    expect((await primary.get<State>('/state')).pid).not.toBe(pid)
  })
})

describe('a reload', () => {
  test('puts the new configuration in force in every worker', async () => {
    const primary = await startTestPrimary({ workers: 2 })
    primary.setServices(['second'])
    expect(await primary.reload()).toBe('loaded')
    expect(primary.workers.map(({ version }) => version)).toEqual([2, 2])
    expect((await primary.get<State>('/state')).services).toEqual(['second'])
  })

  test('of a bad file keeps the configuration and logs every error', async () => {
    const primary = await startTestPrimary()
    primary.failNextRead(new ConfigurationRefused(['kong.yml:1:1: one', 'kong.yml:2:1: two']))
    expect(await primary.reload()).toBe('refused')
    expect((await primary.get<State>('/state')).version).toBe(1)
    const line = primary.stderr.lines.find((each) => each.includes('stays in force'))
    expect(JSON.parse(line!)).toMatchObject({
      level: 50,
      errors: ['kong.yml:1:1: one', 'kong.yml:2:1: two'],
    })
  })

  test('of an unchanged file does nothing', async () => {
    const primary = await startTestPrimary()
    expect(await primary.reload()).toBe('unchanged')
    expect((await primary.get<State>('/state')).version).toBe(1)
  })

  test('that a worker refuses changes nothing in any of them', async () => {
    const primary = await startTestPrimary({ workers: 2 })
    const pids = primary.workers.map(({ pid }) => pid)
    primary.setServices(['refuse-me'])
    expect(await primary.reload()).toBe('refused')
    expect(primary.workers.map(({ pid, version }) => [pid, version])).toEqual(
      pids.map((pid) => [pid, 1]),
    )
    expect(primary.stderr.text).toContain('cannot be compiled')
  })

  test('over which workers die is refused, and the one before is served on', async () => {
    const primary = await startTestPrimary({ workers: 2 })
    primary.setServices(['die-over-me'])
    expect(await primary.reload()).toBe('refused')
    expect((await primary.get<State>('/state')).services).toEqual(['first'])
    primary.setServices(['third'])
    expect(await primary.reload()).toBe('loaded')
    expect((await primary.get<State>('/state')).services).toEqual(['third'])
  })

  test('reaches the replacement of a worker that died meanwhile', async () => {
    const primary = await startTestPrimary({ workers: 2 })
    process.kill(primary.workers[0]!.pid, 'SIGKILL')
    primary.setServices(['second'])
    expect(await primary.reload()).toBe('loaded')
    await until(
      () =>
        primary.workers.length === 2 &&
        primary.workers.every(({ state, version }) => state === 'serving' && version === 2),
    )
  })
})

describe('a stop', () => {
  test('finishes the requests in flight and ends the workers', async () => {
    const primary = await startTestPrimary()
    const { pid } = await primary.get<State>('/state')
    const slow = primary.get('/slow?ms=400')
    await primary.get('/state')
    await primary.stop()
    expect(await slow).toBe('slow and whole')
    expect(isAlive(pid)).toBe(false)
    await expect(primary.get('/state')).rejects.toThrow('fetch failed')
  })

  test('cuts off what takes longer than the drain time', async () => {
    const primary = await startTestPrimary({ drainMs: 100 })
    const slow = primary.get('/slow?ms=60000')
    await primary.get('/state')
    const [cut] = await Promise.allSettled([slow, primary.stop()])
    expect(cut.status).toBe('rejected')
  })

  test('kills a worker that does not end', async () => {
    const primary = await startTestPrimary({ drainMs: 50, timings: { graceMs: 50 } })
    const hanging = primary.get('/hang')
    hanging.catch(() => {})
    await new Promise((resolve) => setTimeout(resolve, 100))
    await primary.stop()
    expect(primary.workers).toEqual([])
  })
})

test('workers end by themselves when their primary is killed', async () => {
  const script = fileURLToPath(new URL('../../support/run-test-primary.ts', import.meta.url))
  const primary = spawn(process.execPath, ['--conditions=source', script], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void primary.kill('SIGKILL'))
  const [output] = (await once(primary.stdout, 'data')) as [Buffer]
  const pids = JSON.parse(output.toString()) as number[]
  expect(pids.map(isAlive)).toEqual([true, true])
  primary.kill('SIGKILL')
  await until(() => pids.every((pid) => !isAlive(pid)))
})

test('lines of several workers never begin within one another', async () => {
  const primary = await startTestPrimary({ workers: 3 })
  const pids = new Set<string>()
  // Which worker accepts a connection is for the system to say: it may give all of them to one.
  for (let round = 1; pids.size < 2 && round <= 20; round++) {
    await Promise.all(Array.from({ length: 12 }, () => primary.get('/lines?count=200&length=3000')))
    await until(() => primary.stdout.lines.length === 2400 * round)
    for (const line of primary.stdout.lines) pids.add(line.slice(0, line.indexOf(' ')))
  }
  for (const line of primary.stdout.lines) expect(line).toMatch(/^\d+ x{3000}$/)
  expect(pids.size).toBeGreaterThan(1)
})

test('children of a worker inherit neither the listening socket nor the channel', async () => {
  const primary = await startTestPrimary()
  const open = await primary.get<string>('/inherited')
  expect(open).toContain('/dev/null')
  expect(open).not.toContain('socket:')
})

test('counters count over all workers', async () => {
  const primary = await startTestPrimary({ workers: 2 })
  const totals = await Promise.all(Array.from({ length: 20 }, () => primary.get<number>('/count')))
  expect(totals.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 20 }, (_, at) => at + 1))
})

describe('an access log in a file', () => {
  test('has the lines of all workers, without the values of queries', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'sallyport-')), 'access.log')
    const primary = await startTestPrimary({ workers: 2, accessLog: { path } })
    await Promise.all(Array.from({ length: 10 }, () => primary.get('/log')))
    await primary.stop()
    const lines = readFileSync(path, 'utf8').trimEnd().split('\n')
    expect(lines.map((line) => (JSON.parse(line) as { path: string }).path)).toEqual(
      Array(10).fill('/log'),
    )
  })

  test('is opened anew after it was moved away', async () => {
    const path = join(mkdtempSync(join(tmpdir(), 'sallyport-')), 'access.log')
    const primary = await startTestPrimary({ accessLog: { path } })
    await primary.get('/log')
    await until(() => readFileSync(path, 'utf8') !== '')
    renameSync(path, `${path}.1`)
    primary.reopenLogs()
    await until(() => existsSync(path))
    await primary.get('/log')
    await until(() => readFileSync(path, 'utf8') !== '')
  })
})
