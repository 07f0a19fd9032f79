import type { Plugin } from '@sallyport/sdk'
import { pino } from 'pino'
import { BUNDLED_PLUGINS } from '../../plugins/index.ts'
import { formatConfigError, loadDeclarative } from '../../kernel/config/declarative.ts'
import type { Entities } from '../../kernel/config/entities.ts'
import {
  createGateway,
  type DataPath,
  type Gateway,
  type GatewayOptions,
} from '../../kernel/gateway.ts'
import { createLeanDataPath } from '../../kernel/http/lean/lean-data-path.ts'
import { createHttpLimits } from '../../kernel/http/limits.ts'
import { LimitBook } from '../../kernel/limit-book.ts'
import type { PluginCode } from '../../kernel/plugin-host.ts'
import { PLUGIN_LIMIT_ROWS } from '../../kernel/plugin-limits.ts'
import { SANDBOX_LIMIT_ROWS } from '../../sandbox/limits.ts'
import type { AccessEntry, AccessLog } from '../../kernel/telemetry/access-log.ts'
import { toInlineCode } from './inline-plugins.ts'

export interface TestGateway {
  readonly gateway: Gateway
  /** `http://127.0.0.1:PORT` */
  readonly url: string
  readonly port: number
  readonly accessLog: readonly AccessEntry[]
  /** Lines of the gateway's own log. */
  readonly log: readonly Record<string, unknown>[]
  /** Loads another declarative file. */
  reload(yaml: string): Promise<void>
  /** Resolves when as many requests as this have been logged. */
  logged(requests: number): Promise<void>
  close(): Promise<void>
}

export interface TestGatewayOptions {
  readonly yaml: string
  /** Trusted plugins of the test, as objects. */
  readonly plugins?: readonly Plugin[]
  /** Plugins with a tier of their own, and the factories for it. */
  readonly code?: readonly PluginCode[]
  readonly gateway?: Partial<GatewayOptions>
  /** Instead of node:http and undici. */
  readonly dataPath?: DataPath
}

/** A gateway in this process, on a free port, with the bundled plugins and those of the test. */
export async function startTestGateway(options: TestGatewayOptions): Promise<TestGateway> {
  const plugins = [
    ...[...BUNDLED_PLUGINS, ...(options.plugins ?? [])].map(toInlineCode),
    ...(options.code ?? []),
  ]
  const accessLog = new CollectedAccessLog()
  const log: Record<string, unknown>[] = []
  const gateway = createGateway({
    nodeId: 'test-node',
    plugins,
    hostFactories: {},
    dataPath: options.dataPath ?? createLeanDataPath(createHttpLimits()),
    log: pino(
      { level: 'debug' },
      { write: (line: string) => void log.push(JSON.parse(line) as Record<string, unknown>) },
    ),
    accessLog,
    ...options.gateway,
  })
  const tables = [PLUGIN_LIMIT_ROWS, SANDBOX_LIMIT_ROWS]
  const limits = new LimitBook(tables, options.gateway?.limits ?? {})
  let version = 0
  const reload = (yaml: string) =>
    gateway.load({
      version: ++version,
      hash: `h${version}`,
      entities: parse(yaml, plugins, limits),
    })
  await reload(options.yaml)
  const { address } = await gateway.listen({ hostname: '127.0.0.1', port: 0 })
  return {
    gateway,
    url: `http://127.0.0.1:${address.port}`,
    port: address.port,
    accessLog: accessLog.entries,
    log,
    reload,
    logged: (requests) => accessLog.reaches(requests),
    close: () => gateway.close(),
  }
}

function parse(yaml: string, plugins: readonly PluginCode[], limits: LimitBook): Entities {
  const known = new Map(
    plugins.map(({ manifest }) => [manifest.name, { ...manifest, name: manifest.name }]),
  )
  const result = loadDeclarative(yaml, { filename: 'test.yml', plugins: known, limits })
  if (!result.ok) throw new Error(result.errors.map(formatConfigError).join('\n'))
  return result.entities
}

class CollectedAccessLog implements AccessLog {
  readonly entries: AccessEntry[] = []
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = []

  write(entry: AccessEntry): void {
    this.entries.push(entry)
    for (const { count, resolve } of this.#waiting) if (this.entries.length >= count) resolve()
  }

  reaches(count: number): Promise<void> {
    if (this.entries.length >= count) return Promise.resolve()
    return new Promise((resolve) => this.#waiting.push({ count, resolve }))
  }

  flush(): Promise<void> {
    return Promise.resolve()
  }

  reopen(): void {}
}
