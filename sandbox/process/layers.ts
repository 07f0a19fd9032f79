import type { SandboxLimits } from '../limits.ts'
import { type Platform, setprivArguments, unshareArguments } from './platform.ts'
import type { ChildFacts } from './child-facts.ts'
import { syscallsOf } from './syscalls.ts'

/** What a child must not be able to do. */
export type Ability =
  | 'file'
  | 'network'
  | 'spawn'
  | 'kill'
  | 'environment'
  | 'memory'
  | 'jit'
  | 'privileges'

export interface LaunchFacts {
  readonly addon: string
  readonly platform: Platform
  readonly limits: SandboxLimits
  /** The user under which the child runs, where it can be chosen. */
  readonly uid: number
}

/** One layer around a child. A layer that a platform does not have is named, never silently absent. */
export interface Layer {
  readonly name: string
  /** What it takes away. */
  readonly denies: readonly Ability[]
  /** Why it cannot be applied here, or null when it can. */
  missing(platform: Platform): string | null
  /** What the operator can do to have it where it is missing; null when there is nothing. */
  remedy(platform: Platform): string | null
  /** What is wrong with a child that should have it; null when nothing is, or nothing can be seen. */
  fault(facts: ChildFacts): string | null
  /** Lines of the shell that becomes the child. */
  readonly shell?: (limits: SandboxLimits) => readonly string[]
  /** A program that becomes the child, with its arguments. */
  readonly wrapper?: (facts: LaunchFacts) => readonly string[]
  readonly nodeFlags?: (facts: LaunchFacts) => readonly string[]
  /** Scopes of Node's permissions that the child gives up once the add-on is loaded. */
  readonly drops?: readonly string[]
  /** Has the child put a filter on its system calls. */
  readonly filters?: true
}

const KB = 1024
const onLinux = ({ name }: Platform): string | null =>
  name === 'linux' ? null : `there is none on ${name}`
const USE_LINUX = 'run the gateway on Linux'
const USE_NODE_26 = 'run the gateway on Node 26'

const FFI_SINCE = 26

function whyNoFfi({ nodeMajor }: Platform): string {
  return nodeMajor < FFI_SINCE
    ? `Node ${nodeMajor} has no node:ffi; ${FFI_SINCE} has`
    : 'node:ffi is switched off (--no-experimental-ffi)'
}

/** In the order in which they are applied. */
export const LAYERS: readonly Layer[] = [
  {
    name: 'empty-environment',
    denies: ['environment'],
    missing: () => null,
    remedy: () => null,
    fault: ({ abilities }) => (abilities.environment ? 'there are variables' : null),
    // A shell adds these of its own.
    shell: () => ['unset PWD OLDPWD SHLVL _'],
  },
  {
    name: 'resource-limits',
    denies: ['memory'],
    missing: ({ name }) =>
      name === 'linux' ? null : `RLIMIT_DATA does not hold a process on ${name}`,
    remedy: () => USE_LINUX,
    fault: ({ limits }) => limits,
    shell: (limits) => [
      // A core dump holds whatever the tenant's requests held.
      'ulimit -c 0',
      // No byte goes into a file, whoever opened it; pipes have no size.
      'ulimit -f 0',
      `ulimit -d ${Math.ceil(limits.childDataBytesMax / KB)}`,
      `ulimit -n ${limits.childFilesMax}`,
    ],
  },
  {
    name: 'namespaces',
    denies: ['network'],
    missing: (platform) => onLinux(platform) ?? platform.unshare.missing,
    remedy: ({ name, unshare }) => (name === 'linux' ? unshare.remedy : USE_LINUX),
    fault: ({ sharedNamespaces: shared }) =>
      shared.length === 0 ? null : `it shares ${shared.join(', ')} with the gateway`,
    wrapper: ({ platform }) => [platform.unshare.path!, ...unshareArguments(platform.isRoot)],
  },
  {
    name: 'no-new-privileges',
    denies: ['privileges'],
    missing: (platform) => onLinux(platform) ?? platform.setpriv.missing,
    remedy: ({ name, setpriv }) => (name === 'linux' ? setpriv.remedy : USE_LINUX),
    fault: ({ status }) => (status?.noNewPrivileges === false ? 'it may get new rights' : null),
    wrapper: ({ platform, uid }) => [
      platform.setpriv.path!,
      ...setprivArguments(platform.isRoot, uid),
    ],
  },
  {
    // Done by the same program as the one before.
    name: 'own-user',
    denies: ['privileges', 'kill'],
    missing: (platform) => {
      const none = onLinux(platform) ?? platform.setpriv.missing
      return none ?? (platform.isRoot ? null : 'the gateway does not run as root')
    },
    remedy: ({ name, setpriv }) => {
      if (name !== 'linux') return USE_LINUX
      return (
        setpriv.remedy ?? 'start the gateway as root: each sandbox then gets a user without rights'
      )
    },
    fault: ({ status }) => {
      if (status === null) return null
      if (status.uid === 0) return 'it runs as root'
      return status.capabilities === 0n ? null : 'it has capabilities'
    },
  },
  {
    name: 'no-jit',
    denies: ['jit'],
    missing: () => null,
    remedy: () => 'take the sandbox out of sandbox_jit',
    fault: ({ abilities }) => (abilities.jit ? 'it can compile' : null),
    nodeFlags: () => ['--jitless'],
  },
  {
    name: 'permission-model',
    denies: ['file', 'spawn'],
    missing: () => null,
    remedy: () => null,
    fault: ({ permissions }) => (permissions === null ? 'it is not switched on' : null),
    nodeFlags: ({ addon, platform }) => [
      '--permission',
      '--allow-addons',
      `--allow-fs-read=${addon}`,
      ...(platform.hasFfi ? ['--allow-ffi'] : []),
    ],
  },
  {
    name: 'permission-model-network',
    denies: ['network'],
    missing: ({ nodeMajor }) =>
      nodeMajor >= 25 ? null : `Node ${nodeMajor} has no permission for the network; 26 has`,
    remedy: () => USE_NODE_26,
    fault: ({ permissions }) =>
      permissions === null || permissions.includes('net') ? 'it may use the network' : null,
  },
  {
    name: 'dropped-permissions',
    denies: ['file', 'spawn', 'network'],
    missing: () => null,
    remedy: () => null,
    fault: ({ permissions }) =>
      permissions === null || permissions.length > 0
        ? `it still has ${permissions?.join(', ') ?? 'all'}`
        : null,
    drops: ['addon', 'fs', 'net', 'child', 'worker', 'inspector', 'wasi', 'ffi'],
  },
  {
    name: 'syscall-filter',
    denies: ['file', 'spawn', 'network', 'kill', 'privileges'],
    missing: (platform) => {
      if (platform.name !== 'linux') return `there is no seccomp on ${platform.name}`
      if (!platform.hasFfi) return whyNoFfi(platform)
      return syscallsOf(platform.arch) === null ? `there is no table for ${platform.arch}` : null
    },
    remedy: ({ name, hasFfi, nodeMajor }) => {
      if (name !== 'linux') return USE_LINUX
      if (hasFfi) return 'run the gateway on x64 or arm64'
      return nodeMajor < FFI_SINCE ? USE_NODE_26 : 'start Node without --no-experimental-ffi'
    },
    fault: ({ status, filter }) => {
      if (filter !== null) return filter
      return status === null || status.seccomp === 2 ? null : 'no filter is in force'
    },
    filters: true,
  },
]

export interface LayerState {
  readonly name: string
  readonly denies: readonly Ability[]
  readonly active: boolean
  readonly why: string | null
}

export function activeLayers(platform: Platform, isJit = false): Layer[] {
  return LAYERS.filter((layer) => missingHere(layer, platform, isJit) === null)
}

/** Which layers should be around a child here, and why the others cannot be. */
export function describeLayers(platform: Platform, isJit = false): LayerState[] {
  return LAYERS.map((layer) => {
    const why = missingHere(layer, platform, isJit)
    return { name: layer.name, denies: layer.denies, active: why === null, why }
  })
}

function missingHere(layer: Layer, platform: Platform, isJit: boolean): string | null {
  if (layer.name === 'no-jit' && isJit) return 'the operator has switched the JIT on (sandbox_jit)'
  const needsShell = layer.shell !== undefined && layer.name !== 'empty-environment'
  if (needsShell && platform.name === 'win32') return 'there is no /bin/sh on Windows'
  return layer.missing(platform)
}
