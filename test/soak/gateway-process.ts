import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { type AddressInfo, connect, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { readTree } from '../bench/process-tree.ts'

const ROOT = join(import.meta.dirname, '../..')

export interface GatewayChoice {
  /** The file of the command. */
  readonly entry: string
  /** `pinned` for a verdict on memory; `free` shows what an operator sees. */
  readonly youngGeneration: 'pinned' | 'free'
}

/** The gateway command with one worker, as an operator starts it. */
export class GatewayProcess {
  readonly port: number
  readonly #child: ChildProcess
  readonly #folder: string

  private constructor(port: number, child: ChildProcess, folder: string) {
    this.port = port
    this.#child = child
    this.#folder = folder
  }

  /** Resolves when it takes connections. */
  static async start(
    upstreamPort: number,
    { entry, youngGeneration }: GatewayChoice,
  ): Promise<GatewayProcess> {
    const folder = mkdtempSync(join(tmpdir(), 'sallyport-soak-'))
    const config = join(folder, 'kong.yml')
    writeFileSync(config, toConfig(upstreamPort))
    const port = await findFreePort()
    const args = ['--conditions=source', '--no-node-snapshot', join(ROOT, entry), 'start']
    const settings = ['--config', config, '--proxy-listen', `127.0.0.1:${port}`]
    const child = spawn(
      process.execPath,
      [...args, ...settings, '--access-log', 'off', '--status-listen', 'off'],
      {
        cwd: folder,
        env: { ...process.env, NODE_OPTIONS: toNodeOptions(youngGeneration) },
        stdio: ['ignore', 'inherit', 'inherit'],
      },
    )
    const gateway = new GatewayProcess(port, child, folder)
    try {
      await gateway.#ready()
    } catch (error) {
      await gateway.stop()
      throw error
    }
    return gateway
  }

  get running(): boolean {
    return this.#child.exitCode === null && this.#child.signalCode === null
  }

  get workerPid(): number {
    const worker = readTree(this.#child.pid!, ({ depth }) => String(depth)).find(
      ({ kind }) => kind === '1',
    )
    if (worker === undefined) throw new Error('the gateway has no worker')
    return worker.pid
  }

  /** Of a process of the gateway. */
  megabytes(pid: number): number {
    const status = readFileSync(`/proc/${pid}/status`, 'utf8')
    return Number(/^VmRSS:\s+(\d+) kB/m.exec(status)![1]) / 1024
  }

  async stop(): Promise<void> {
    if (this.running) {
      const exited = once(this.#child, 'exit')
      this.#child.kill('SIGTERM')
      const isOver = await Promise.race([exited, sleep(10_000, null, { ref: false })])
      if (isOver === null) this.#child.kill('SIGKILL')
    }
    rmSync(this.#folder, { recursive: true })
  }

  async #ready(): Promise<void> {
    for (let tries = 0; tries < 200; tries++) {
      if (!this.running) throw new Error('the gateway has ended instead of starting')
      const isThere = await new Promise<boolean>((resolve) => {
        const socket = connect({ port: this.port, host: '127.0.0.1' })
        socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
        socket.on('connect', () => socket.destroy())
      })
      if (isThere) return
      await sleep(50)
    }
    throw new Error('the gateway does not listen')
  }
}

/**
 * Left alone, V8 enlarges its young generation by tens of megabytes whenever it likes, minutes into a
 * run. Pinned, what is resident is what is kept, so that a leak shows early.
 */
function toNodeOptions(youngGeneration: GatewayChoice['youngGeneration']): string {
  const given = process.env['NODE_OPTIONS'] ?? ''
  return youngGeneration === 'free' ? given : `${given} --max-semi-space-size=1`.trim()
}

function toConfig(upstreamPort: number): string {
  return `_format_version: '3.0'
services:
  - name: soak
    url: http://127.0.0.1:${upstreamPort}
    retries: 1
    routes:
      - name: everything
        paths: [/]
        strip_path: false
`
}

async function findFreePort(): Promise<number> {
  const server = createServer()
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
