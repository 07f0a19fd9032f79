import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { PluginPermissions } from '@sallyport/sdk'
import { startUpstream, type TestUpstream } from '../support/upstream.ts'
import { ask, type Asked, type AskOptions } from './ask.ts'
import { VICTIM_SOURCE } from './attack-source.ts'
import { type GatewayTree, isRunning, readGatewayTree } from './gateway-tree.ts'
import type { Observation } from './observation.ts'
import { Victim } from './victim.ts'

const ROOT = join(import.meta.dirname, '../..')
const OBSERVER = join(import.meta.dirname, 'observer-plugin.ts')

/** A plugin that the gateway is started with. */
export interface LoadedPlugin {
  readonly name: string
  /** Its module, or the file that holds it. */
  readonly source?: string
  readonly file?: string
  /** Where a remote program listens that serves it. */
  readonly socket?: string
  readonly tier?: 'process' | 'inline'
  /** What the operator grants to it; default nothing. */
  readonly granted?: PluginPermissions
}

/** A route with plugins that belongs to a tenant. */
export interface PlacedRoute {
  readonly name: string
  readonly tenant: string | null
  readonly plugins: readonly PlacedPlugin[]
}

/** As in a declarative file. */
export interface PlacedPlugin {
  readonly name: string
  readonly config?: object
  readonly timeout_ms?: number
}

export interface GatewayUnderAttackOptions {
  readonly plugins: readonly LoadedPlugin[]
  /** A module that is imported before the gateway's own, in primary and workers: for substitutions. */
  readonly preload?: string
  readonly env?: Readonly<Record<string, string>>
}

/** How long a start, a reload or an end may take before the harness says so. */
const PATIENCE_MS = 30_000
const VICTIM_ROUTE: PlacedRoute = {
  name: 'victim',
  tenant: 'victim',
  plugins: [{ name: 'victim' }],
}
const OBSERVER_ROUTE: PlacedRoute = {
  name: 'observer',
  tenant: null,
  plugins: [{ name: 'observer' }],
}

/**
 * The gateway as an operator starts it: the command in a process of its own, with one worker, a
 * victim's tenant, and an observer in the worker. Attackers are put in place by reloads.
 */
export class GatewayUnderAttack {
  readonly upstream: TestUpstream
  readonly folder: string
  port = 0
  /** Under traffic from the start to the end. */
  victim!: Victim
  readonly #child: ChildProcess
  #stderr = ''
  /** Every process that the gateway was seen to have. */
  readonly #seen = new Set<number>()
  #version = 1
  #marks = 0
  #stopping: Promise<string[]> | null = null

  private constructor(upstream: TestUpstream, folder: string, child: ChildProcess) {
    this.upstream = upstream
    this.folder = folder
    this.#child = child
    child.stderr!.on('data', (chunk: Buffer) => (this.#stderr += chunk.toString()))
  }

  static async start(options: GatewayUnderAttackOptions): Promise<GatewayUnderAttack> {
    const upstream = await startUpstream()
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-adversary-'))
    mkdirSync(join(folder, 'plugins'))
    mkdirSync(join(folder, 'tmp'))
    const plugins: LoadedPlugin[] = [
      { name: 'observer', file: OBSERVER, tier: 'inline' },
      { name: 'victim', source: VICTIM_SOURCE },
      ...options.plugins,
    ]
    const flags = plugins.flatMap((plugin) => ['--plugin', toFlag(folder, plugin)])
    writeFileSync(join(folder, 'kong.yml'), toConfig(upstream.url, []))
    const grants = plugins.flatMap(({ name, granted }) => (granted ? [[name, granted]] : []))
    const preload = options.preload === undefined ? '' : `--import=${options.preload}`
    const child = spawn(
      process.execPath,
      [
        ...['--conditions=source', '--no-node-snapshot', join(ROOT, 'kernel/main.ts'), 'start'],
        ...['--config', 'kong.yml', '--proxy-listen', '127.0.0.1:0', '--access-log', 'off'],
        ...['--status-listen', 'off'],
        ...['--plugin-grants', JSON.stringify(Object.fromEntries(grants))],
        ...flags,
      ],
      {
        cwd: folder,
        env: {
          ...{ PATH: process.env['PATH'], TMPDIR: join(folder, 'tmp'), ...options.env },
          NODE_OPTIONS: preload,
        },
        stdio: ['ignore', 'ignore', 'pipe'],
      },
    )
    const gateway = new GatewayUnderAttack(upstream, folder, child)
    try {
      const { proxy } = await gateway.#logged(({ msg }) => msg === 'the gateway is ready')
      gateway.port = Number(String(proxy).split(':').at(-1))
      gateway.victim = new Victim(gateway.port)
      gateway.victim.start()
    } catch (error) {
      await gateway.stop()
      throw error
    }
    return gateway
  }

  /** The lines of the gateway's log. */
  get log(): readonly Record<string, unknown>[] {
    const lines = this.#stderr.split('\n').slice(0, -1)
    return lines
      .filter((line) => line.startsWith('{'))
      .map((line) => JSON.parse(line) as Record<string, unknown>)
  }

  get stderr(): string {
    return this.#stderr
  }

  get isRunning(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  get tree(): GatewayTree {
    const tree = readGatewayTree(this.#child.pid!)
    for (const pid of [...tree.workers, ...tree.sandboxes, ...tree.others]) this.#seen.add(pid)
    return tree
  }

  /** Files that the gateway's processes have left where they may write. */
  get leftFiles(): readonly string[] {
    const known = new Set(['kong.yml', 'plugins', 'tmp'])
    const inFolder = readdirSync(this.folder).filter((name) => !known.has(name))
    return [...inFolder, ...readdirSync(join(this.folder, 'tmp')).map((name) => `tmp/${name}`)]
  }

  /** Puts exactly these routes and global plugins in force, beside victim and observer. */
  async place(
    routes: readonly PlacedRoute[],
    globals: readonly PlacedPlugin[] = [],
  ): Promise<void> {
    const version = this.#version
    writeFileSync(join(this.folder, 'next.yml'), toConfig(this.upstream.url, routes, globals))
    renameSync(join(this.folder, 'next.yml'), join(this.folder, 'kong.yml'))
    this.#child.kill('SIGHUP')
    const line = await this.#logged(
      ({ msg, version: of }) =>
        (msg === 'the configuration was reloaded' && Number(of) > version) ||
        (String(msg).includes('stays in force') && Number(of) === version),
    )
    if (line['errors'] !== undefined) throw new Error(`refused: ${JSON.stringify(line['errors'])}`)
    this.#version = Number(line['version'])
  }

  ask(route: string, options?: AskOptions): Promise<Asked> {
    return ask(this.port, `/${route}`, options)
  }

  /** What the observer has seen since it was asked last. */
  async observe(): Promise<Observation> {
    const { body } = await this.ask('observer')
    return JSON.parse(body) as Observation
  }

  /** The log with all that the worker has written so far: a line of the observer's comes last. */
  async wholeLog(): Promise<readonly Record<string, unknown>[]> {
    const mark = `mark ${++this.#marks}`
    await this.ask('observer', { headers: { 'x-mark': mark } })
    await this.#logged(({ msg }) => msg === mark)
    return this.log
  }

  /** Ends the gateway; a sentence for everything that is left of it. */
  stop(): Promise<string[]> {
    return (this.#stopping ??= this.#stop())
  }

  async #stop(): Promise<string[]> {
    await this.victim?.stop()
    const pids = [...this.#seen, ...(this.isRunning ? treePids(this.tree) : [])]
    const left: string[] = []
    if (this.isRunning) {
      const ended = once(this.#child, 'exit')
      this.#child.kill('SIGTERM')
      const isOver = await Promise.race([ended, sleep(PATIENCE_MS, null, { ref: false })])
      if (isOver === null) {
        left.push('the gateway did not end')
        this.#child.kill('SIGKILL')
        await ended
      }
    }
    if (this.#child.exitCode !== 0) {
      left.push(`it ended with ${this.#child.exitCode ?? this.#child.signalCode}: ${this.#stderr}`)
    }
    for (let tries = 0; tries < 100 && pids.some(isRunning); tries++) await sleep(20)
    for (const pid of pids.filter(isRunning)) {
      left.push(`process ${pid} is still there`)
      process.kill(pid, 'SIGKILL')
    }
    left.push(...this.leftFiles.map((file) => `the file ${file} is still there`))
    rmSync(this.folder, { recursive: true })
    await this.upstream.close()
    return left
  }

  async #logged(isIt: (line: Record<string, unknown>) => boolean) {
    const untilMs = performance.now() + PATIENCE_MS
    for (;;) {
      const line = this.log.find(isIt)
      if (line !== undefined) return line
      if (!this.isRunning) throw new Error(`the gateway has ended: ${this.#stderr}`)
      if (performance.now() > untilMs) throw new Error(`the gateway says nothing: ${this.#stderr}`)
      await sleep(10)
    }
  }
}

function treePids({ workers, sandboxes, others }: GatewayTree): number[] {
  return [...workers, ...sandboxes, ...others]
}

function toFlag(folder: string, plugin: LoadedPlugin): string {
  const { name, source, file, socket, tier = 'process' } = plugin
  if (socket !== undefined) return `unix:${socket}=remote`
  const path = file ?? join(folder, 'plugins', `${name}.js`)
  if (source !== undefined) writeFileSync(path, source)
  return `${path}=${tier}`
}

/** JSON is YAML. */
function toConfig(
  upstreamUrl: string,
  routes: readonly PlacedRoute[],
  globals: readonly PlacedPlugin[] = [],
): string {
  const all = [VICTIM_ROUTE, OBSERVER_ROUTE, ...routes]
  const tenants = new Set(all.flatMap(({ tenant }) => tenant ?? []))
  return JSON.stringify({
    _format_version: '3.0',
    tenants: [...tenants].map((name) => ({ name })),
    services: [{ name: 'upstream', url: upstreamUrl }],
    plugins: globals,
    routes: all.map(({ name, tenant, plugins }) => ({
      name,
      paths: [`/${name}`],
      service: 'upstream',
      ...(tenant === null ? {} : { tenant }),
      plugins,
    })),
  })
}
