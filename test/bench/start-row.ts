import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import type { Child, Children } from './children.ts'
import type { Classify } from './process-tree.ts'
import type { Row, RowStart } from './rows.ts'

/** What all rows of a run share. */
export interface Bench {
  readonly children: Children
  readonly root: string
  /** Temporary; removed at the end. */
  readonly folder: string
  readonly nginx: string
  readonly wrk: string
  /** The core of the proxy, and the one of client, upstream and this process. */
  readonly proxyCore: number
  readonly loadCore: number
  readonly upstreamPort: number
}

/** A row's proxy, started; nobody has asked yet whether it answers. */
export interface StartedRow {
  readonly child: Child
  readonly port: number
  readonly classify: Classify
  /** Where it was told to write its access log, or null when it was told not to. */
  readonly accessLog: string | null
  /** Nothing is to come on its standard output while it is measured. */
  readonly isQuiet: boolean
}

/** How the gateway is told where its access log goes: `off`, `stdout` or a path. */
const ACCESS_LOG_VARIABLE = 'SALLYPORT_ACCESS_LOG'

/** Length of the upstream's answer. */
export const BODY = 'Behind the outer door stands the inner one; it opens when the first is shut. '
  .padEnd(108, '.')
  .concat('\n')

/**
 * Written in blocks, as a gateway's asynchronous log is: one write a line, nginx's default, would
 * be a more expensive and so a more lenient yardstick.
 */
const NGINX_ACCESS_LOG_BUFFER = 'combined buffer=16k flush=1s'

export async function startUpstream(
  bench: Omit<Bench, 'upstreamPort'>,
): Promise<{ child: Child; port: number }> {
  const port = await findFreePort()
  const values = { PORT: String(port), BODY: BODY.replace('\n', '\\n') }
  const options = { template: 'upstream.nginx.conf', core: bench.loadCore, values }
  return { child: startNginx(bench, options), port }
}

export async function startRow(bench: Bench, row: Row): Promise<StartedRow> {
  const { start } = row
  const port = await findFreePort()
  const accessLog =
    'accessLog' in start && start.accessLog ? join(bench.folder, `access-${port}.log`) : null
  const child = startProxy(bench, start, { port, accessLog })
  return {
    child,
    port,
    classify: CLASSIFY[start.kind],
    accessLog,
    isQuiet: start.kind === 'gateway',
  }
}

/** Replaces each `${NAME}`; a name without a value is a mistake in the template. */
export function renderTemplate(template: string, values: Readonly<Record<string, string>>): string {
  return template.replace(/\$\{([A-Z_]+)\}/g, (_, name: string) => {
    const value = values[name]
    if (value === undefined) throw new Error(`the template asks for "${name}", which has no value`)
    return value
  })
}

/** A declarative file with one service and one route, both named `bench`, and the row's own part. */
export function toGatewayConfig(upstreamPort: number, config: string): string {
  return `_format_version: "3.0"
services:
  - name: bench
    url: http://127.0.0.1:${upstreamPort}
    routes:
      - name: bench
        paths: [/]
${config}`
}

/** The primary forks its workers with a channel, which Node tells them about in a variable. */
export const CLASSIFY: Readonly<Record<RowStart['kind'], Classify>> = {
  nginx: ({ depth }) => (depth === 0 ? 'primary' : 'worker'),
  script: () => 'worker',
  gateway: ({ depth, environment }) => {
    if (depth === 0) return 'primary'
    return environment().split('\0').some(isWorkerVariable) ? 'worker' : 'sandbox'
  },
}

function startProxy(
  bench: Bench,
  start: RowStart,
  { port, accessLog }: { port: number; accessLog: string | null },
): Child {
  const core = bench.proxyCore
  const { upstreamPort, root } = bench
  if (start.kind === 'nginx') {
    const log = accessLog === null ? 'off' : `${accessLog} ${NGINX_ACCESS_LOG_BUFFER}`
    const values = { PORT: String(port), UPSTREAM_PORT: String(upstreamPort), ACCESS_LOG: log }
    return startNginx(bench, { template: 'proxy.nginx.conf', core, values })
  }
  if (start.kind === 'script') {
    const script = join(root, start.script)
    const args = ['--conditions=source', script, String(port), String(upstreamPort)]
    const command = [process.execPath, ...args]
    return bench.children.start(command, { core, cwd: root })
  }
  const file = join(bench.folder, `gateway-${port}.yaml`)
  writeFileSync(file, toGatewayConfig(upstreamPort, start.config))
  const env = { ...process.env, [ACCESS_LOG_VARIABLE]: accessLog ?? 'off' }
  return bench.children.start(toGatewayCommand(root, { file, port, plugins: start.plugins }), {
    core,
    // A folder without a sallyport.yml, whose settings would change the figures.
    cwd: bench.folder,
    env,
  })
}

function toGatewayCommand(
  root: string,
  { file, port, plugins }: { file: string; port: number; plugins: readonly string[] },
): string[] {
  const node = [process.execPath, '--conditions=source', '--no-node-snapshot']
  const flags = {
    '--config': file,
    '--workers': '1',
    '--proxy-listen': `127.0.0.1:${port}`,
    '--admin-listen': 'off',
    '--status-listen': 'off',
  }
  return [
    ...node,
    join(root, 'kernel/main.ts'),
    'start',
    ...Object.entries(flags).flat(),
    ...plugins.flatMap((plugin) => ['--plugin', join(root, plugin)]),
  ]
}

function startNginx(
  bench: Pick<Bench, 'children' | 'root' | 'folder' | 'nginx'>,
  options: { template: string; core: number; values: Readonly<Record<string, string>> },
): Child {
  const { template, core, values } = options
  const prefix = join(bench.folder, `nginx-${values['PORT']}`)
  mkdirSync(prefix)
  const text = readFileSync(join(bench.root, 'test/bench', template), 'utf8')
  const config = join(prefix, 'nginx.conf')
  writeFileSync(config, renderTemplate(text, { ...values, FOLDER: prefix }))
  const command = [bench.nginx, '-e', 'stderr', '-p', prefix, '-c', config]
  return bench.children.start(command, { core })
}

/** Linux hands out another one each time, so that it is still free when the proxy asks for it. */
async function findFreePort(): Promise<number> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject).listen(0, '127.0.0.1', resolve)
  })
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}

function isWorkerVariable(variable: string): boolean {
  return variable.startsWith('NODE_CHANNEL_FD=')
}
