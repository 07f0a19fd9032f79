import http from 'node:http'
import type { RequestListener, Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, describe, expect, test } from 'vitest'
import { percentile, runFixedRate } from './fixed-rate.ts'
import { measurePairs, summarisePairs } from './latency-pairs.ts'
import type { FixedRateReport } from './fixed-rate.ts'

let server: Server | null = null

afterEach(() => {
  server?.closeAllConnections()
  server?.close()
})

async function listen(listener: RequestListener): Promise<number> {
  const started = http.createServer(listener)
  server = started
  await new Promise<void>((resolve) => started.listen(0, '127.0.0.1', resolve))
  return (started.address() as AddressInfo).port
}

function toReport(changes: Partial<FixedRateReport>): FixedRateReport {
  const good = { answered: 10, p50Us: 1, p99Us: 1, maxUs: 1, clientLagP99Us: 1 }
  return { ...good, badStatus: 0, socketErrors: 0, unanswered: 0, ...changes }
}

describe('a run at a fixed rate', () => {
  const LOAD = { ratePerSecond: 500, seconds: 0.2, warmupSeconds: 0.1 }

  test('sends exactly what the schedule holds, with the given headers', async () => {
    const seen: (string | undefined)[] = []
    const port = await listen((request, response) => {
      seen.push(`${request.url} ${request.headers['apikey'] as string}`)
      response.end('ok')
    })
    const report = await runFixedRate({ ...LOAD, port, path: '/x', headers: { apikey: 'k' } })
    expect(report).toMatchObject({ answered: 100, badStatus: 0, socketErrors: 0, unanswered: 0 })
    expect(seen).toHaveLength(150)
    expect(new Set(seen)).toEqual(new Set(['/x k']))
  })

  test('charges a stall to every request that came due meanwhile, not only to the one it hit', async () => {
    let stalledMs = 0
    let requests = 0
    const port = await listen((_request, response) => {
      requests += 1
      if (requests > 1) return response.end('ok')
      const since = performance.now()
      return setTimeout(() => {
        stalledMs = performance.now() - since
        response.end('ok')
      }, 200)
    })
    const load = { ratePerSecond: 1_000, seconds: 0.3, warmupSeconds: 0, connections: 1 }
    const report = await runFixedRate({ ...load, port })
    expect(report.answered).toBe(300)
    expect(report.maxUs).toBeGreaterThanOrEqual(stalledMs * 1_000)
    // At most 100 of the 300 were due after the stall, so half of them waited for a part of it.
    expect(report.p50Us).toBeGreaterThan(stalledMs * 1_000 * 0.2)
  })

  test('counts answers that are not 2xx', async () => {
    let requests = 0
    const port = await listen((_request, response) => {
      requests += 1
      response.writeHead(requests % 10 === 0 ? 503 : 200).end('x')
    })
    const report = await runFixedRate({ ...LOAD, port })
    expect(report).toMatchObject({ answered: 100, badStatus: 15 })
  })

  test('counts requests whose connection broke, and goes on with a new one', async () => {
    let requests = 0
    const port = await listen((request, response) => {
      requests += 1
      if (requests === 20) request.socket.destroy()
      else response.end('ok')
    })
    const report = await runFixedRate({ ...LOAD, port, connections: 2, warmupSeconds: 0 })
    expect(report).toMatchObject({ answered: 99, socketErrors: 1, unanswered: 0 })
  })

  test('takes a connection that is closed between two requests for no error', async () => {
    const port = await listen((_request, response) => {
      response.setHeader('connection', 'close').end('ok')
    })
    const load = { ratePerSecond: 50, seconds: 0.4, warmupSeconds: 0 }
    const report = await runFixedRate({ ...load, port, connections: 64 })
    expect(report).toMatchObject({ answered: 20, socketErrors: 0, unanswered: 0 })
  })

  test('fails when nobody listens', async () => {
    const port = await listen(() => {})
    await new Promise((resolve) => server!.close(resolve))
    await expect(runFixedRate({ ...LOAD, port })).rejects.toThrow('ECONNREFUSED')
  })

  test.each([
    { ratePerSecond: 0, seconds: 1, warmupSeconds: 0 },
    { ratePerSecond: 1e6, seconds: 100 },
    { ratePerSecond: Number.NaN, seconds: 1 },
  ])('refuses $ratePerSecond requests a second for $seconds s', async (load) => {
    await expect(async () => runFixedRate({ port: 1, ...load })).rejects.toThrow('are wanted')
  })
})

describe('percentile', () => {
  const sorted = Float64Array.from({ length: 200 }, (_, index) => index + 1)

  test.each([
    [0.5, 100],
    [0.99, 198],
    [1, 200],
    [0, 1],
  ])('%d is at %d of 200', (share, value) => {
    expect(percentile(sorted, share)).toBe(value)
  })

  test('of nothing is 0', () => {
    expect(percentile(new Float64Array(0), 0.99)).toBe(0)
  })
})

describe('pairs', () => {
  test('take turns, and turns in going first', async () => {
    const order: string[] = []
    const run = (name: string, p99Us: number) => (): Promise<FixedRateReport> => {
      order.push(name)
      return Promise.resolve(toReport({ p99Us }))
    }
    const pairs = await measurePairs({ pairs: 3, base: run('base', 10), other: run('other', 20) })
    expect(order).toEqual(['base', 'other', 'other', 'base', 'base', 'other'])
    expect(pairs.map(({ base, other }) => [base.p99Us, other.p99Us])).toEqual(
      Array.from({ length: 3 }, () => [10, 20]),
    )
  })

  test('are summarised by the medians of what was seen within a pair', () => {
    const toPair = (base: number, other: number) => ({
      base: toReport({ p99Us: base }),
      other: toReport({ p99Us: other }),
    })
    const summary = summarisePairs([toPair(10, 15), toPair(100, 130), toPair(20, 21)])
    expect(summary).toMatchObject({ baseP99Us: 20, otherP99Us: 21, differenceUs: 5, errors: [] })
    expect(summary.ratio).toBeCloseTo(1.3)
  })

  test('carry every failure of either side', () => {
    const base = toReport({ badStatus: 3 })
    const other = toReport({ socketErrors: 1, unanswered: 2 })
    expect(summarisePairs([{ base, other }]).errors).toEqual([
      'answers that were not 2xx: 3',
      'failed connections: 1',
      'requests without an answer: 2',
    ])
  })
})
