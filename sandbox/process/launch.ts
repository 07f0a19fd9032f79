import { spawn } from 'node:child_process'
import type { Duplex, Readable } from 'node:stream'
import { bundle, sourcePath } from '../guest-library.ts'
import { findIsolatedVm } from '../isolate/load-isolated-vm.ts'
import type { SandboxLimits } from '../limits.ts'
import { activeLayers, type Platform, thisPlatform } from './layers.ts'

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

/** Starts sandbox host processes. */
export type Launch = (limits: SandboxLimits) => LaunchedChild

const CHANNEL = 3

let made: Promise<string> | null = null

/**
 * Prepares what every child needs: its program, bundled once a process, goes in through the standard
 * input, so that a child has to read one file only, the add-on. Tests give a program of their own, to
 * see what becomes of a child that was taken over.
 */
export async function prepareLaunch(
  platform: Platform = thisPlatform(),
  ownProgram: string | null = null,
): Promise<Launch> {
  const program = ownProgram ?? (await bundleProgram())
  const addon = findIsolatedVm()
  return (limits) => launch({ program, addon, platform, limits })
}

function bundleProgram(): Promise<string> {
  made ??= bundle({ entry: sourcePath('process/child'), format: 'cjs', platform: 'node' })
  return made
}

function launch(options: {
  program: string
  addon: string
  platform: Platform
  limits: SandboxLimits
}): LaunchedChild {
  const { program, addon, platform, limits } = options
  const layers = activeLayers(platform)
  const flags = layers.flatMap((layer) => layer.nodeFlags?.({ addon, platform }) ?? [])
  const drops = layers.flatMap((layer) => layer.drops ?? [])
  const node = [
    process.execPath,
    ...flags,
    '--no-node-snapshot',
    '--no-warnings',
    '--disable-sigusr1',
    '--input-type=commonjs',
    '-',
    addon,
    drops.join(','),
  ]
  const shell = layers.flatMap((layer) => layer.shell?.(limits) ?? [])
  const [command, args] =
    platform.name === 'win32'
      ? [node[0]!, node.slice(1)]
      : ['/bin/sh', ['-c', [...shell, 'exec "$0" "$@"'].join('; '), ...node]]
  const child = spawn(command, args, {
    cwd: '/',
    env: {},
    stdio: ['pipe', 'ignore', 'pipe', 'pipe'],
    windowsHide: true,
  })
  // A child that is gone before it has read its program says so by its exit.
  child.stdin!.on('error', () => undefined)
  child.stdin!.end(program)
  return { process: child, channel: child.stdio[CHANNEL] as Duplex }
}
