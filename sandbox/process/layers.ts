import type { SandboxLimits } from '../limits.ts'

/** What a child must not be able to do. */
export type Ability = 'file' | 'network' | 'spawn' | 'kill' | 'environment' | 'memory' | 'jit'

/** What the platform offers, as far as layers depend on it. */
export interface Platform {
  readonly name: NodeJS.Platform
  /** Major version of Node. */
  readonly nodeMajor: number
}

/** One layer around a child. A layer that a platform does not have is named, never silently absent. */
export interface Layer {
  readonly name: string
  /** What it takes away. */
  readonly denies: readonly Ability[]
  /** Why it cannot be applied here, or null when it can. */
  missing(platform: Platform): string | null
  /** Lines of the shell that becomes the child. */
  readonly shell?: (limits: SandboxLimits) => readonly string[]
  readonly nodeFlags?: (facts: { addon: string; platform: Platform }) => readonly string[]
  /** Scopes of Node's permissions that the child gives up once the add-on is loaded. */
  readonly drops?: readonly string[]
}

const KB = 1024
const hasNoShell = ({ name }: Platform): string | null =>
  name === 'win32' ? 'there is no /bin/sh on Windows' : null

/** In the order in which they are applied. */
const LAYERS: readonly Layer[] = [
  {
    name: 'empty-environment',
    denies: ['environment'],
    missing: () => null,
    // A shell adds these of its own.
    shell: () => ['unset PWD OLDPWD SHLVL _'],
  },
  {
    name: 'resource-limits',
    denies: ['memory'],
    missing: ({ name }) =>
      name === 'linux' ? null : `RLIMIT_DATA does not hold a process on ${name}`,
    shell: (limits) => [
      // A core dump holds whatever the tenant's requests held.
      'ulimit -c 0',
      `ulimit -d ${Math.ceil(limits.childDataBytesMax / KB)}`,
      `ulimit -n ${limits.childFilesMax}`,
    ],
  },
  {
    name: 'no-jit',
    denies: ['jit'],
    missing: () => null,
    nodeFlags: () => ['--jitless'],
  },
  {
    name: 'permission-model',
    denies: ['file', 'spawn'],
    missing: () => null,
    nodeFlags: ({ addon }) => ['--permission', '--allow-addons', `--allow-fs-read=${addon}`],
  },
  {
    name: 'permission-model-network',
    denies: ['network'],
    missing: ({ nodeMajor }) =>
      nodeMajor >= 25 ? null : `Node ${nodeMajor} has no permission for the network; 26 has`,
  },
  {
    name: 'dropped-permissions',
    denies: ['file', 'spawn', 'network'],
    missing: () => null,
    drops: ['addon', 'fs', 'net', 'child', 'worker', 'inspector', 'wasi', 'ffi'],
  },
]

export interface LayerState {
  readonly name: string
  readonly denies: readonly Ability[]
  readonly active: boolean
  readonly why: string | null
}

/** Which layers are applied here, and why the others are not. */
export function describeLayers(platform: Platform): LayerState[] {
  return LAYERS.map((layer) => {
    const why = missingHere(layer, platform)
    return { name: layer.name, denies: layer.denies, active: why === null, why }
  })
}

export function activeLayers(platform: Platform): Layer[] {
  return LAYERS.filter((layer) => missingHere(layer, platform) === null)
}

export function thisPlatform(): Platform {
  return { name: process.platform, nodeMajor: Number(process.versions.node.split('.')[0]) }
}

function missingHere(layer: Layer, platform: Platform): string | null {
  const needsShell = layer.shell !== undefined && layer.name !== 'empty-environment'
  return (needsShell ? hasNoShell(platform) : null) ?? layer.missing(platform)
}
