import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readTree } from './process-tree.ts'
import type { TreeMember } from './process-tree.ts'

export interface ChildOptions {
  /** The core that it and its descendants are pinned to. */
  readonly core: number
  readonly cwd?: string
  readonly env?: NodeJS.ProcessEnv
}

/** A process that the bench started, with the end of what it wrote. */
export interface Child {
  readonly pid: number
  readonly stdout: () => string
  /** The end of what it wrote to either of its streams, for error messages. */
  readonly tail: () => string
  readonly stdoutBytes: () => number
  readonly hasExited: () => boolean
  /** The exit code, or the signal's name, once all that it wrote has been read. */
  readonly exited: Promise<number | string>
}

/** Of a child's output this much is kept: a report of wrk and a stack trace are far smaller. */
const OUTPUT_CHARS_MAX = 16_384

/** A gateway that has nothing to drain stops within this; whoever does not is killed. */
const STOP_GRACE_MS = 3_000

/** Every process of a run is started here, so that none of them outlives it. */
export class Children {
  readonly #running = new Map<Child, ChildProcess>()
  #isStopping = false

  /** True from `stopAll` on: then a failure is a consequence, not a result. */
  get isStopping(): boolean {
    return this.#isStopping
  }

  /** Starts a program pinned to a core. It gets SIGTERM from Linux should the bench itself die. */
  start(command: readonly string[], { core, cwd, env = process.env }: ChildOptions): Child {
    if (this.#isStopping) throw new Error('the bench is being stopped')
    const pinned = ['--pdeathsig', 'TERM', 'taskset', '-c', String(core), ...command]
    const spawned = spawn('setpriv', pinned, {
      stdio: ['ignore', 'pipe', 'pipe'],
      // A process group of its own: Ctrl-C reaches the bench alone, which then ends them in order.
      detached: true,
      env,
      ...(cwd === undefined ? {} : { cwd }),
    })
    if (spawned.pid === undefined) throw new Error(`cannot start "${command.join(' ')}"`)
    const child = toChild(spawned, spawned.pid)
    this.#running.set(child, spawned)
    void child.exited.then(() => this.#running.delete(child))
    return child
  }

  /** Ends a child and all its descendants: SIGTERM first, SIGKILL for what is left. */
  async stop(child: Child): Promise<void> {
    const spawned = this.#running.get(child)
    if (spawned === undefined) return
    const tree = readTree(child.pid, () => '')
    // Who lives on also holds the pipes, whose end is waited for below.
    spawned.once('exit', () => killSurvivors(child.pid, tree))
    spawned.kill('SIGTERM')
    const timer = setTimeout(() => spawned.kill('SIGKILL'), STOP_GRACE_MS)
    await child.exited
    clearTimeout(timer)
  }

  /** Ends everything and lets nothing new start. */
  async stopAll(): Promise<void> {
    this.#isStopping = true
    await Promise.all([...this.#running.keys()].map((child) => this.stop(child)))
  }

  /** The last resort of a process that exits now: waits for nothing. */
  killAll(): void {
    for (const [child, spawned] of this.#running) {
      const tree = readTree(child.pid, () => '')
      spawned.kill('SIGKILL')
      killSurvivors(child.pid, tree)
    }
  }
}

function toChild(spawned: ChildProcess, pid: number): Child {
  let stdout = ''
  let stdoutBytes = 0
  let stderr = ''
  let hasExited = false
  spawned.stdout?.on('data', (chunk: Buffer) => {
    stdoutBytes += chunk.length
    stdout = (stdout + chunk.toString()).slice(-OUTPUT_CHARS_MAX)
  })
  spawned.stderr?.on('data', (chunk: Buffer) => {
    stderr = (stderr + chunk.toString()).slice(-OUTPUT_CHARS_MAX)
  })
  const exited = once(spawned, 'close').then(([code, signal]: unknown[]) => {
    hasExited = true
    return (code ?? signal) as number | string
  })
  return {
    pid,
    stdout: () => stdout,
    tail: () => `${stdout.slice(-1_000)}${stderr.slice(-1_000)}`.trim(),
    stdoutBytes: () => stdoutBytes,
    hasExited: () => hasExited,
    exited,
  }
}

/**
 * A worker or a sandbox child ends with its parent; this is for one that does not. The group has
 * those that began after the tree was read, the tree those that made a group of their own.
 */
function killSurvivors(group: number, tree: readonly TreeMember[]): void {
  kill(-group)
  for (const member of tree) {
    const [now] = readTree(member.pid, () => '')
    if (now?.startedAt === member.startedAt) kill(member.pid)
  }
}

function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It ended by itself.
  }
}
