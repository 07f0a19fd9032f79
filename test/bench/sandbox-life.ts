import {
  type BenchTier,
  type Figure,
  makeRepeatable,
  makeScene,
  quantile,
  type Scene,
  spareIsReady,
  startHost,
  tenantOf,
} from './sandbox-scene.ts'

const STARTS = 5
const TENANTS = 10
const CALLS = 100
const MB = 1024 * 1024

/** From `createHost` to the first answered call. What a process makes once is apart, as `first`. */
export async function measureColdStart(tier: 'isolate' | 'process'): Promise<Figure[]> {
  const firstMs = await startOnce(await makeScene(tier), tier)
  const times: number[] = []
  for (let i = 0; i < STARTS; i++) times.push(await startOnce(await makeScene(tier), tier))
  const name = tier === 'process' ? 'process, no spare' : tier
  const figures = [
    { what: `cold start, ${name}: ms, the first of a process`, value: firstMs },
    { what: `cold start, ${name}: ms`, value: quantile(times) },
  ]
  if (tier === 'process') {
    figures.push({ what: 'cold start, process, warm spare: ms', value: await startWithSpare() })
  }
  return figures
}

async function startOnce(scene: Scene, tier: BenchTier, name = 'bench'): Promise<number> {
  const { call } = makeRepeatable()
  const started = performance.now()
  const host = await startHost(scene, name, tenantOf(tier))
  await host.call(call)
  const ms = performance.now() - started
  await host.close()
  return ms
}

/** Another host of the factory is there, so that a child that belongs to nobody is kept ready. */
async function startWithSpare(): Promise<number> {
  const scene = await makeScene('process')
  const keeper = await startHost(scene, 'tenant:keeper', 'keeper')
  const times: number[] = []
  for (let i = 0; i < STARTS; i++) {
    await spareIsReady(scene)
    times.push(await startOnce(scene, 'process', `tenant:bench-${i}`))
  }
  await keeper.close()
  return quantile(times)
}

/** What a child keeps resident, and by how much this process grows with each host. */
export async function measureMemory(tier: 'isolate' | 'process'): Promise<Figure[]> {
  const scene = await makeScene(tier)
  const { call } = makeRepeatable()
  const start = async (name: string) => {
    const host = await startHost(scene, name, tier === 'process' ? name : null)
    for (let i = 0; i < CALLS; i++) await host.call(call)
    return host
  }
  // What the first one brings is the process's own: the add-on, the bundled library.
  const hosts = [await start('tenant-0')]
  await spareIsReady(scene)
  globalThis.gc?.()
  const before = process.memoryUsage.rss()
  for (let i = 1; i <= TENANTS; i++) hosts.push(await start(`tenant-${i}`))
  await spareIsReady(scene)
  globalThis.gc?.()
  const grownMb = (process.memoryUsage.rss() - before) / MB / TENANTS
  const rss = hosts.slice(1).map((host) => host.stats().rssBytes! / MB)
  for (const host of hosts) await host.close()
  const growth = {
    what: `memory, ${tier}: MB that the worker grows by, a tenant`,
    value: grownMb,
  }
  if (tier === 'isolate') return [growth]
  return [
    { what: `memory, child after ${CALLS} calls: MB RSS, median`, value: quantile(rss) },
    { what: `memory, child after ${CALLS} calls: MB RSS, largest`, value: Math.max(...rss) },
    growth,
  ]
}
