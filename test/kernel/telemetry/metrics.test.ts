import { expect, test } from 'vitest'
import { EffectMeters } from '../../../kernel/effects/effect-meters.ts'
import type { GatewayStatus } from '../../../kernel/gateway.ts'
import type { WorkerReport } from '../../../kernel/process/supervisor.ts'
import { toMetricsText } from '../../../kernel/telemetry/metrics.ts'

function makeStatus(changed: Partial<GatewayStatus> = {}): GatewayStatus {
  return {
    version: 3,
    hash: 'h',
    inFlight: 7,
    hosts: [],
    spares: [],
    instances: [],
    effects: [],
    ...changed,
  }
}

function makeReport(changed: Partial<WorkerReport> = {}): WorkerReport {
  return { place: 1, pid: 10, state: 'serving', version: 3, status: makeStatus(), ...changed }
}

const STATS = { calls: 5, errors: 1, timeouts: 2, kills: 3, starts: 4, queued: 6, rssBytes: 7 }

test('a family has its help, its type and its samples', () => {
  const text = toMetricsText({ workers: 2, reports: [makeReport()] })
  expect(text).toContain(
    '# HELP sallyport_workers workers that there should be\n# TYPE sallyport_workers gauge\nsallyport_workers 2\n',
  )
  expect(text).toContain('sallyport_requests_in_flight{worker="1"} 7\n')
  expect(text.endsWith('\n')).toBe(true)
})

test('a state is told as one sample for each that there is', () => {
  const hosts = [{ name: 'tenant:a', tier: 'process', state: 'quarantined', stats: STATS }] as const
  const text = toMetricsText({
    workers: 1,
    reports: [makeReport({ status: makeStatus({ hosts }) })],
  })
  const states = text.match(/^sallyport_plugin_host_state\{.*$/gm)!
  expect(states).toHaveLength(7)
  expect(states.filter((line) => line.endsWith(' 1'))).toEqual([
    'sallyport_plugin_host_state{worker="1",host="tenant:a",tier="process",tenant="a",state="quarantined"} 1',
  ])
  expect(text).toContain('sallyport_plugin_host_kills_total{worker="1",host="tenant:a"')
  // What a host does not count is not told as zero.
  expect(text).not.toMatch(/^sallyport_plugin_host_cpu_seconds_total\{/m)
})

test('the spare process of each pool has a state', () => {
  const spares = [
    { pool: 'plain', state: 'ready' },
    { pool: 'jit', state: 'unused' },
  ] as const
  const status = makeStatus({ spares })
  const text = toMetricsText({ workers: 1, reports: [makeReport({ status })] })
  const states = text.match(/^sallyport_sandbox_spare_state\{.*$/gm)!
  expect(states).toHaveLength(8)
  expect(states.filter((line) => line.endsWith(' 1'))).toEqual([
    'sallyport_sandbox_spare_state{worker="1",pool="plain",state="ready"} 1',
    'sallyport_sandbox_spare_state{worker="1",pool="jit",state="unused"} 1',
  ])
})

test('a worker that does not answer is told, and a name cannot break a line', () => {
  const stats = { ...STATS, cpuMs: 1_500, sandbox: null }
  const hosts = [{ name: 'tenant:a"b\\c\nd', tier: 'process', state: 'ready', stats }] as const
  const text = toMetricsText({
    workers: 2,
    reports: [
      makeReport({ status: makeStatus({ hosts }) }),
      makeReport({ place: 2, pid: 11, status: null }),
    ],
  })
  expect(text).toContain('sallyport_worker_answers{worker="2",pid="11"} 0\n')
  expect(text).toContain('host="tenant:a\\"b\\\\c\\nd"')
  expect(text).toMatch(/^sallyport_plugin_host_cpu_seconds_total\{.*\} 1\.5$/m)
})

test('no sample is there twice while a worker drains beside its replacement', () => {
  const text = toMetricsText({
    workers: 1,
    reports: [
      makeReport({ state: 'draining', status: makeStatus({ inFlight: 1 }) }),
      makeReport({ pid: 12, status: makeStatus({ inFlight: 2 }) }),
    ],
  })
  const names = text
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('#'))
    .map((line) => line.slice(0, line.lastIndexOf(' ')))
  expect(new Set(names).size).toBe(names.length)
  expect(text).toContain('sallyport_requests_in_flight{worker="1"} 2\n')
})

test('what a remote program tells has series of its own, which are left out when it tells nothing', () => {
  const { rssBytes: _, ...stats } = STATS
  const told = { cpuMs: 2_500, heapBytes: 77 }
  const hosts = [
    { name: 'plugin:a', tier: 'remote', state: 'ready', stats: { ...stats, told } },
    { name: 'plugin:b', tier: 'remote', state: 'ready', stats: { ...stats, told: null } },
  ] as const
  const status = makeStatus({ hosts })
  const text = toMetricsText({ workers: 1, reports: [makeReport({ status })] })
  const labels = 'worker="1",host="plugin:a",tier="remote",tenant=""'
  expect(text.match(/^sallyport_plugin_host_(?:told_.*|memory.*|cpu.*)$/gm)).toEqual([
    `sallyport_plugin_host_told_cpu_seconds_total{${labels}} 2.5`,
    `sallyport_plugin_host_told_memory_bytes{${labels}} 77`,
  ])
})

test('effects are told by plugin, tenant and kind, and only those that there were', () => {
  const meters = new EffectMeters()
  const meter = meters.of({ pluginName: 'p', tenant: 'acme' })
  Object.assign(meter, { sentBytes: 5, cacheHits: 3 })
  const { calls, failures, waitedMs, ...rest } = meter.counts()
  const effects = [
    {
      ...rest,
      calls: { ...calls, http: 2 },
      failures: { ...failures, http: { TIMEOUT: 1 } },
      waitedMs: { ...waitedMs, http: 1_500 },
      cacheBytes: 0,
    },
  ]
  const report = (place: number) => makeReport({ place, status: makeStatus({ effects }) })
  const text = toMetricsText({ workers: 2, reports: [report(1), report(2)] })
  const samples = text.match(/^sallyport_effect_.*$/gm)!
  const of = (worker: number) => {
    const labels = `worker="${worker}",plugin="p",tenant="acme"`
    return [
      `sallyport_effect_calls_total{${labels},effect="http"} 2`,
      `sallyport_effect_seconds_total{${labels},effect="http"} 1.5`,
      `sallyport_effect_failures_total{${labels},effect="http",code="TIMEOUT"} 1`,
      `sallyport_effect_http_sent_bytes_total{${labels}} 5`,
      `sallyport_effect_http_received_bytes_total{${labels}} 0`,
    ]
  }
  expect(samples.toSorted()).toEqual([...of(1), ...of(2)].toSorted())
  expect(text).toContain('# TYPE sallyport_effect_cache_bytes gauge\n')
})
