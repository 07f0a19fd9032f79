import { spawnSync } from 'node:child_process'
import { monitorEventLoopDelay } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { buildRouter } from '../../kernel/router/router.ts'
import type { Router } from '../../kernel/router/router.ts'
import type { RouterRequest, RouterRoute, RouterService } from '../../kernel/router/types.ts'

// What the router costs: a lookup that is remembered and one that is not, by kind and number of
// routes; and what building costs: time, the longest pause of the event loop, memory.

interface Scenario {
  readonly name: string
  toRoute(index: number): RouterRoute
  toRequest(index: number): RouterRequest
}

const service: RouterService = { id: 's', protocol: 'http', host: 'up.test', port: 80, path: '/' }
const services = new Map([[service.id, service]])
const shared = { service: { id: 's' }, strip_path: true, protocols: ['http', 'https'] }
const clientHeaders = ['Host', 'x', 'User-Agent', 'bench/1.0', 'Accept', '*/*', 'X-Request', '1']

const scenarios: readonly Scenario[] = [
  {
    name: 'prefix',
    toRoute: (index) => ({ ...shared, id: `r${index}`, paths: [`/service-${index}/v1`] }),
    toRequest: (index) => request(`/service-${index}/v1/items/12`, 'api.test'),
  },
  {
    name: 'host',
    toRoute: (index) => ({ ...shared, id: `r${index}`, hosts: [`h${index}.test`], paths: ['/'] }),
    toRequest: (index) => request('/items/12', `h${index}.test`),
  },
  {
    name: 'wildcard host',
    toRoute: (index) => ({ ...shared, id: `r${index}`, hosts: [`*.h${index}.test`] }),
    toRequest: (index) => request('/items/12', `www.h${index}.test`),
  },
  {
    name: 'regex',
    toRoute: (index) => ({ ...shared, id: `r${index}`, paths: [`~/s${index}/(?<id>\\d+)/[^/]+`] }),
    toRequest: (index) => request(`/s${index}/12/items/7`, 'api.test'),
  },
  {
    name: 'header',
    toRoute: (index) => ({
      ...shared,
      id: `r${index}`,
      paths: [`/service-${index}`],
      headers: { 'x-tier': ['gold'] },
    }),
    toRequest: (index) => request(`/service-${index}/items`, 'api.test', ['X-Tier', 'Gold']),
  },
]

// Each in a process of its own: the garbage of one would be in the pauses of the next.
const [wanted, wantedCount] = process.argv.slice(2)
const chosen = scenarios.find(({ name }) => name === wanted)
if (chosen === undefined) {
  for (const routes of [100, 10_000, 100_000]) {
    for (const { name } of scenarios) {
      const args = [...process.execArgv, import.meta.filename, name, String(routes)]
      spawnSync(process.execPath, args, { stdio: 'inherit' })
    }
  }
} else await run(chosen, Number(wantedCount))

async function run(scenario: Scenario, count: number): Promise<void> {
  const routes = Array.from({ length: count }, (_, index) => scenario.toRoute(index))
  globalThis.gc?.()
  const heapBefore = process.memoryUsage().heapUsed
  const delay = monitorEventLoopDelay({ resolution: 1 })
  await sleep(20)
  delay.enable()
  const started = performance.now()
  const router = await buildRouter(routes, services, { cacheEntriesMax: 0 })
  const buildMs = performance.now() - started
  await sleep(5)
  delay.disable()
  // The histogram counts its own interval of one millisecond in.
  const pauseMs = Math.max(delay.max / 1e6 - 1, 0)
  globalThis.gc?.()
  const bytes = (process.memoryUsage().heapUsed - heapBefore) / count
  const remembering = await buildRouter(routes, services)
  const requests = sample(count, 5000).map((index) => scenario.toRequest(index))
  const unknown = sample(count, 5000).map((index) => {
    const { host, ...rest } = scenario.toRequest(index)
    return { ...rest, host: `no.${host}.invalid`, path: `/nothing${rest.path}` }
  })
  const row = [
    scenario.name.padEnd(14),
    String(count).padStart(7),
    `${nanoseconds(remembering, requests)} ns with cache`,
    `${nanoseconds(router, requests)} ns without`,
    `${nanoseconds(router, unknown)} ns no route`,
    `built in ${buildMs.toFixed(1)} ms`,
    `longest pause ${pauseMs.toFixed(1)} ms`,
    globalThis.gc === undefined ? '' : `${Math.round(bytes)} bytes a route`,
  ]
  console.log(row.join('  '))
}

/** The best of many rounds: what else runs on the machine only ever adds. */
function nanoseconds(
  router: Router<RouterRoute, RouterService>,
  requests: readonly RouterRequest[],
): string {
  const rounds: number[] = []
  let found = 0
  for (let round = 0; round < 25; round++) {
    const started = performance.now()
    for (const one of requests) if (router.match(one) !== null) found++
    const spent = ((performance.now() - started) * 1e6) / requests.length
    rounds.push(spent)
  }
  if (found !== 0 && found !== requests.length * 25) throw new Error(`found only ${found}`)
  return String(Math.round(Math.min(...rounds))).padStart(5)
}

function sample(count: number, size: number): number[] {
  // A stride that is coprime to every count visits the routes out of order.
  return Array.from({ length: size }, (_, index) => (index * 7919) % count)
}

function request(path: string, host: string, headers: readonly string[] = []): RouterRequest {
  return {
    method: 'GET',
    // A flat string of its own, as a parser makes it.
    path: Buffer.from(path).toString('latin1'),
    query: '',
    host: Buffer.from(host).toString('latin1'),
    scheme: 'http',
    headers: [...clientHeaders, ...headers],
    sni: null,
    srcIp: '127.0.0.1',
    srcPort: 1,
    dstIp: '127.0.0.1',
    dstPort: 8000,
  }
}
