import { spawnSync } from 'node:child_process'
import { mkdtempSync, openSync, readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { HostContext, RunningGateway } from '../../kernel/process/parts.ts'
import { runWorker } from '../../kernel/process/worker.ts'

/**
 * A worker whose gateway is made of a few paths, for tests of the processes around it. A service in
 * the snapshot named `refuse-me` or `die-over-me` makes it do that.
 */
let context: HostContext | null = null
let tiers: string[] = []

runWorker(
  {
    bundledPlugins: () => Promise.resolve([]),
    hostFactories: (wanted, given) => {
      context = given
      tiers = [...wanted]
      return Promise.resolve({})
    },
    createGateway: ({ accessLog }) => {
      let version = 0
      let names: unknown[] = []
      const paths: Record<string, (url: URL) => unknown> = {
        '/state': () => ({ pid: process.pid, version, services: names }),
        '/hang': () => {
          for (;;);
        },
        '/slow': (url) => sleep(Number(url.searchParams.get('ms')), 'slow and whole'),
        '/poison': () => context!.onPoisoned({ plugin: 'wild', reason: 'it looped' }),
        '/tiers': () => tiers,
        '/count': () => context!.counters.add('test:requests', 1, 60_000),
        '/stray': () => void Promise.reject(new Error('stray')),
        '/throw': () => void setTimeout(() => failLater(), 0),
        '/lines': (url) => {
          const line = `${process.pid} ${'x'.repeat(Number(url.searchParams.get('length')))}\n`
          for (let count = Number(url.searchParams.get('count')); count > 0; count -= 1) {
            // In two pieces, so that whoever forwards what it gets would mix the lines.
            process.stdout.write(line.slice(0, 20))
            process.stdout.write(line.slice(20))
          }
          return 'written'
        },
        // What a child of this worker finds open: its own three, and what it should not have.
        '/inherited': () => {
          const path = join(mkdtempSync(join(tmpdir(), 'sallyport-fds-')), 'fds')
          const file = openSync(path, 'w')
          spawnSync('ls', ['-l', '/proc/self/fd'], { stdio: ['ignore', file, 'ignore'] })
          return readFileSync(path, 'utf8')
        },
        '/log': () => {
          accessLog?.write({ ...blankEntry, path: '/log?secret=1' })
          return 'logged'
        },
      }
      const server = createServer((request, response) => {
        const url = new URL(request.url!, 'http://fake')
        void Promise.resolve(paths[url.pathname]!(url)).then((answer) =>
          response.end(JSON.stringify(answer ?? null)),
        )
      })
      const close = () => new Promise<void>((resolve) => server.close(() => resolve()))
      const gateway: RunningGateway = {
        async load(snapshot) {
          const services = snapshot.entities.services.map((service) => service.name)
          if (services.includes('refuse-me')) throw new Error('"refuse-me" cannot be compiled')
          if (services.includes('die-over-me')) process.kill(process.pid, 'SIGKILL')
          await sleep(1)
          version = snapshot.version
          names = services
        },
        listen: (address) =>
          new Promise((resolve, reject) => {
            server.once('error', reject)
            server.listen(address, () =>
              resolve({ address: { hostname: '', port: 0 }, drain: close, close }),
            )
          }),
        async drain(deadlineMs) {
          await Promise.race([close(), sleep(deadlineMs, null, { ref: false })])
        },
        close: () => Promise.resolve(server.closeAllConnections()),
        status: () => ({
          version,
          hash: 'fake',
          inFlight: 0,
          hosts: [],
          spares: [],
          instances: [],
          effects: [],
        }),
      }
      return Promise.resolve(gateway)
    },
  },
  process,
)

function failLater(): never {
  throw new Error('nobody catches this')
}

const blankEntry = {
  time: 0,
  request_id: 'id',
  client_ip: '127.0.0.1',
  method: 'GET',
  host: null,
  status: 200,
  bytes_received: 0,
  bytes_sent: 0,
  duration_ms: 0,
  upstream_ms: null,
  route: null,
  service: null,
  consumer: null,
  target: null,
  tries: 0,
  source: null,
  error: null,
} as const
