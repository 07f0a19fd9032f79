import { readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { onTestFinished } from 'vitest'
import type { Entities, Service } from '../../kernel/config/entities.ts'
import {
  type PrimaryOptions,
  type RunningPrimary,
  startPrimary,
} from '../../kernel/process/primary.ts'
import type { Configuration } from '../../kernel/process/reloader.ts'
import { MemoryDestination } from './memory-destination.ts'

const FAKE_WORKER = {
  file: fileURLToPath(new URL('./fake-worker.ts', import.meta.url)),
  args: [],
  execArgv: ['--conditions=source'],
}

export interface TestPrimary extends RunningPrimary {
  readonly stdout: MemoryDestination
  /** The log of primary and workers. */
  readonly stderr: MemoryDestination
  /** What is read at the next reload. */
  setServices(names: readonly string[]): void
  failNextRead(error: Error): void
  /** The body of the answer, parsed. Each call opens a connection of its own. */
  get<T = unknown>(path: string): Promise<T>
}

/** A primary with workers whose gateway is a fake; it is stopped when the test is over. */
export async function startTestPrimary(
  options: Partial<PrimaryOptions> = {},
): Promise<TestPrimary> {
  const stdout = new MemoryDestination()
  const stderr = new MemoryDestination()
  let services: readonly string[] = ['first']
  let failure: Error | null = null
  const primary = await startPrimary({
    workers: 1,
    proxyListen: { hostname: '127.0.0.1', port: 0 },
    statusListen: 'off',
    accessLog: 'off',
    logLevel: 'info',
    drainMs: 5000,
    gateway: {},
    sandbox: { allowMissing: [], jit: [] },
    plugins: [],
    program: FAKE_WORKER,
    readConfiguration: () => {
      const thrown = failure
      failure = null
      return thrown === null ? Promise.resolve(toConfiguration(services)) : Promise.reject(thrown)
    },
    watchConfiguration: null,
    log: pino({ level: 'info' }, stderr),
    stdout,
    stderr,
    ...options,
  })
  onTestFinished(() => primary.stop())
  const { hostname, port } = primary.proxyAddress
  return Object.assign(primary, {
    stdout,
    stderr,
    setServices: (names: readonly string[]) => {
      services = names
    },
    failNextRead: (error: Error) => {
      failure = error
    },
    get: async <T>(path: string) => {
      const answer = await fetch(`http://${hostname}:${port}${path}`, {
        headers: { connection: 'close' },
      })
      return (await answer.json()) as T
    },
  })
}

export function toConfiguration(services: readonly string[]): Configuration {
  return {
    hash: services.join(),
    warnings: [],
    entities: toEntities(services.map((name) => ({ name }) as Service)),
  }
}

export function toEntities(services: Service[]): Entities {
  return {
    tenants: [],
    services,
    routes: [],
    upstreams: [],
    targets: [],
    consumers: [],
    consumer_groups: [],
    plugins: [],
    global_plugins: [],
    keyauth_credentials: [],
  }
}

/** Resolves when the condition holds; the test's own time limit ends a wait in vain. */
export async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10))
}

/** A process that has ended but that nobody has waited for is not alive. */
export function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return !/^\d+ \(.*\) Z/s.test(readFileSync(`/proc/${pid}/stat`, 'utf8'))
  } catch {
    return false
  }
}
