import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

const PROGRAM = fileURLToPath(new URL('substitution/evil-program.ts', import.meta.url))

/** What each of these programs serves: only its name differs. */
function toManifest(name: string): object {
  const tenant = { type: 'string', default: '' }
  return {
    ...{ name, version: '1.0.0', priority: 0, phases: ['access'] },
    schema: { type: 'object', properties: { tenant } },
    scopes: { consumer: true, route: true, service: true },
  }
}

/** A program of the `remote` tier on a socket of its own, which can be stopped and become another. */
export class RemoteProgram {
  readonly name: string
  readonly path: string
  #child: ChildProcess | null = null

  constructor(name: string, path: string) {
    this.name = name
    this.path = path
  }

  /** Resolves when it listens. */
  async start(snippet: string): Promise<void> {
    const args = [PROGRAM, this.path, JSON.stringify(toManifest(this.name)), snippet]
    const child = spawn(process.execPath, ['--conditions=source', ...args], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    this.#child = child
    const ended = once(child, 'exit').then(() => {
      throw new Error(`the remote program ${this.name} has ended`)
    })
    await Promise.race([once(child.stdout, 'data'), ended])
    ended.catch(() => undefined)
    // Whatever it says from here on is taken and thrown away, as by whoever starts such programs.
    child.stdout.resume()
  }

  async stop(): Promise<void> {
    const child = this.#child
    this.#child = null
    if (child === null) return
    if (child.exitCode === null && child.signalCode === null) {
      const ended = once(child, 'exit')
      child.kill('SIGKILL')
      await ended
    }
    rmSync(this.path, { force: true })
  }
}
