import { execFile } from 'node:child_process'
import { accessSync, constants } from 'node:fs'
import { isBuiltin } from 'node:module'
import { promisify } from 'node:util'
import { findIsolatedVm } from '../isolate/load-isolated-vm.ts'

/** What this machine offers, as far as layers depend on it. */
export interface Platform {
  readonly name: NodeJS.Platform
  readonly arch: string
  /** Major version of Node. */
  readonly nodeMajor: number
  readonly isRoot: boolean
  /** Whether Node can call the C library. */
  readonly hasFfi: boolean
  readonly setpriv: Tool
  readonly unshare: Tool
}

/** A tool of util-linux: where it is, or why it cannot do what it is there for, and what would help. */
export type Tool =
  | { readonly path: string; readonly missing: null; readonly remedy: null }
  | { readonly path: null; readonly missing: string; readonly remedy: string }

/** Sandboxes run under numbers of their own, so that one cannot reach another: systemd's range for such. */
export const UID_FIRST = 61_184
export const UID_COUNT = 4_000

/** Where util-linux is installed; `PATH` is the operator's and may hold anything. */
const FOLDERS = ['/usr/bin', '/bin', '/usr/sbin', '/sbin', '/run/current-system/sw/bin']
/** A tool that has not ended by then is stuck. */
const TRIAL_MS = 5_000

const INSTALL = 'install util-linux, which has setpriv and unshare'
const REMEDIES = {
  setpriv: {
    root: 'give the gateway CAP_SETUID, CAP_SETGID and CAP_SETPCAP, and let every user read Node and node_modules',
    other: 'let the user of the gateway read Node and node_modules, and set no_new_privs',
  },
  unshare: {
    root: 'let the gateway make namespaces: a container needs CAP_SYS_ADMIN and a seccomp profile that allows unshare',
    other:
      'let users make namespaces: kernel.unprivileged_userns_clone=1, on Ubuntu also kernel.apparmor_restrict_unprivileged_userns=0; a container needs a seccomp profile that allows unshare',
  },
} as const

let found: Promise<Platform> | null = null

/** Looks at the machine once a process: each tool is tried as it will be used. */
export function thisPlatform(): Promise<Platform> {
  found ??= look()
  return found
}

async function look(): Promise<Platform> {
  const isRoot = process.getuid?.() === 0
  const isLinux = process.platform === 'linux'
  const other = `there is none on ${process.platform}`
  const [setpriv, unshare] = isLinux
    ? await Promise.all([findSetpriv(isRoot), findUnshare(isRoot)])
    : [missing(other, 'run the gateway on Linux'), missing(other, 'run the gateway on Linux')]
  return {
    name: process.platform,
    arch: process.arch,
    nodeMajor: Number(process.versions.node.split('.')[0]),
    isRoot,
    hasFfi: isBuiltin('node:ffi'),
    setpriv,
    unshare,
  }
}

/** The child's user must be able to run Node and to read the add-on, which may lie in somebody's home. */
function findSetpriv(isRoot: boolean): Promise<Tool> {
  const reads = ['/bin/sh', '-c', 'test -x "$0" && test -r "$1"', process.execPath]
  return find('setpriv', isRoot, [
    ...setprivArguments(isRoot, UID_FIRST),
    ...reads,
    findIsolatedVm(),
  ])
}

function findUnshare(isRoot: boolean): Promise<Tool> {
  return find('unshare', isRoot, [...unshareArguments(isRoot), '/bin/sh', '-c', ':'])
}

/** Root gives its rights away; whoever has none can only refuse new ones. */
export function setprivArguments(isRoot: boolean, uid: number): string[] {
  if (!isRoot) return ['--no-new-privs', '--']
  return [
    `--reuid=${uid}`,
    `--regid=${uid}`,
    '--clear-groups',
    '--inh-caps=-all',
    '--bounding-set=-all',
    '--no-new-privs',
    '--',
  ]
}

/** Who is not root needs a namespace of users for the others; its rights end with the next program. */
export function unshareArguments(isRoot: boolean): string[] {
  const own = ['--net', '--ipc', '--uts']
  return isRoot ? [...own, '--'] : ['--user', '--map-current-user', ...own, '--']
}

async function find(
  name: keyof typeof REMEDIES,
  isRoot: boolean,
  args: readonly string[],
): Promise<Tool> {
  const path = FOLDERS.map((folder) => `${folder}/${name}`).find(isExecutable)
  if (path === undefined) return missing(`${name} (util-linux) is not installed`, INSTALL)
  try {
    await promisify(execFile)(path, [...args], { env: {}, cwd: '/', timeout: TRIAL_MS })
    return { path, missing: null, remedy: null }
  } catch (error) {
    const { stderr = '', code } = error as { stderr?: string; code?: unknown }
    const said = stderr.trim().split('\n')[0] ?? ''
    const why = `${name} failed: ${said === '' ? `it ended with ${String(code)}` : said}`
    return missing(why, REMEDIES[name][isRoot ? 'root' : 'other'])
  }
}

function missing(why: string, remedy: string): Tool {
  return { path: null, missing: why, remedy }
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
