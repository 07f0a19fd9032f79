import { spawn } from 'node:child_process'
import type { Duplex, Readable } from 'node:stream'
import { bundle, sourcePath } from '../guest-library.ts'
import { findIsolatedVm } from '../isolate/load-isolated-vm.ts'
import type { SandboxLimits } from '../limits.ts'
import { giveWay } from './child-priority.ts'
import { activeLayers, type Layer } from './layers.ts'
import { type Platform, thisPlatform, UID_COUNT, UID_FIRST } from './platform.ts'

/** What is needed of a process, or of whatever stands for one. */
export interface ChildHandle {
  readonly pid?: number | undefined
  readonly stdin: object | null
  readonly stderr: Readable | null
  kill(signal: NodeJS.Signals): boolean
  ref(): void
  unref(): void
  once(event: 'exit', listener: (code: number | null, signal: string | null) => void): unknown
  once(event: 'error', listener: (error: Error) => void): unknown
}

/** A child that was started, and the stream on its descriptor 3. */
export interface LaunchedChild {
  readonly process: ChildHandle
  readonly channel: Duplex
}

/** What a child is told when it is started, as JSON in its arguments. */
export interface ChildOptions {
  /** Scopes of Node's permissions that it gives up. */
  readonly drops: readonly string[]
  /** Whether it puts a filter on its system calls. */
  readonly hasFilter: boolean
  /** A process that it must not be able to reach: this one. */
  readonly victimPid: number
}

export interface LaunchChoice {
  /** With V8's compilers; default false. */
  readonly isJit?: boolean
  /** Layers around each child, instead of all that this machine has; for controls. */
  readonly layers?: readonly Layer[]
  /** Instead of the sandbox host's, to see what becomes of a child that was taken over. */
  readonly program?: string | undefined
}

/** Starts sandbox host processes. */
export type Launch = (limits: SandboxLimits) => LaunchedChild

const CHANNEL = 3

let made: Promise<string> | null = null

/** Children of several workers start at numbers of their own. */
let children = process.pid * 61

/**
 * Prepares what every child needs: its program, bundled once a process, goes in through the standard
 * input, so that a child has to read one file only, the add-on.
 */
export async function prepareLaunch(choice: LaunchChoice = {}): Promise<Launch> {
  const platform = await thisPlatform()
  const layers = choice.layers ?? activeLayers(platform, choice.isJit)
  const program = choice.program ?? (await bundleProgram())
  const addon = findIsolatedVm()
  return (limits) => launch({ program, addon, platform, layers, limits })
}

function bundleProgram(): Promise<string> {
  made ??= bundle({ entry: sourcePath('process/child'), format: 'cjs', platform: 'node' })
  return made
}

function launch(options: {
  program: string
  addon: string
  platform: Platform
  layers: readonly Layer[]
  limits: SandboxLimits
}): LaunchedChild {
  const { program, addon, platform, layers, limits } = options
  const facts = { addon, platform, limits, uid: UID_FIRST + (children++ % UID_COUNT) }
  const told: ChildOptions = {
    drops: layers.flatMap((layer) => layer.drops ?? []),
    hasFilter: layers.some((layer) => layer.filters === true),
    victimPid: process.pid,
  }
  const node = [
    process.execPath,
    ...layers.flatMap((layer) => layer.nodeFlags?.(facts) ?? []),
    '--no-node-snapshot',
    '--no-warnings',
    '--disable-sigusr1',
    '--input-type=commonjs',
    '-',
    addon,
    JSON.stringify(told),
  ]
  const shell = layers.flatMap((layer) => layer.shell?.(limits) ?? [])
  const wrappers = layers.flatMap((layer) => layer.wrapper?.(facts) ?? [])
  const [command, args] =
    platform.name === 'win32'
      ? [node[0]!, node.slice(1)]
      : ['/bin/sh', ['-c', [...shell, 'exec "$0" "$@"'].join('; '), ...wrappers, ...node]]
  const child = spawn(command, args, {
    cwd: '/',
    env: {},
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    windowsHide: true,
  })
  giveWay(child)
  // A child that is gone before it has read its program says so by its exit.
  child.stdin!.on('error', () => undefined)
  child.stdin!.end(program)
  return { process: child, channel: child.stdio[CHANNEL] as Duplex }
}
