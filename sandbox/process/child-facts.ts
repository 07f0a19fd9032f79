import { readFileSync, readlinkSync } from 'node:fs'
import type { SandboxLimits } from '../limits.ts'
import type { Layer } from './layers.ts'
import type { Abilities, NativeAbilities } from './probe.ts'

/** What a child says about itself in its `welcome`, before anything of a plugin is in it. */
export interface ChildReport {
  readonly node: string
  readonly abilities: Abilities
  /** Tried by system calls; null where Node cannot make any. */
  readonly native: NativeAbilities | null
  /** Scopes of Node's permissions that it still has; null when there is no permission model. */
  readonly permissions: readonly string[] | null
  /** Why there is no filter of system calls although one was asked for; null otherwise. */
  readonly filter: string | null
}

/** The same, and what Linux says about it, which the child cannot change. */
export interface ChildFacts extends ChildReport {
  /** What is wrong with its resource limits; null when nothing is. */
  readonly limits: string | null
  /** Namespaces that should be its own and are the gateway's. */
  readonly sharedNamespaces: readonly string[]
  /** Null where there is no `/proc`. */
  readonly status: {
    readonly uid: number
    readonly capabilities: bigint
    readonly noNewPrivileges: boolean
    readonly seccomp: number
  } | null
}

const NAMESPACES = ['net', 'ipc', 'uts']

/** Looks at a child from outside. `pid` undefined: it is no process of this machine. */
export function toChildFacts(
  report: ChildReport,
  pid: number | undefined,
  limits: SandboxLimits,
): ChildFacts {
  return {
    ...report,
    status: readStatus(pid),
    limits: checkLimits(pid, limits),
    sharedNamespaces: NAMESPACES.filter((name) => isShared(pid, name)),
  }
}

/** What is wrong with the layers that a child should have, one sentence for each. */
export function findFaults(layers: readonly Layer[], facts: ChildFacts): string[] {
  return layers.flatMap((layer) => {
    const wrong = layer.fault(facts)
    return wrong === null ? [] : [`${layer.name}: ${wrong}`]
  })
}

/** What a process may do beyond its user, as a set of bits; none where it is not told. */
export function effectiveCapabilities(pid: number): bigint {
  return toBits(fieldOf(read(pid, 'status') ?? '', 'CapEff'))
}

const fieldOf = (status: string, name: string): string =>
  new RegExp(`^${name}:\\s*(\\S+)`, 'm').exec(status)?.[1] ?? '0'

const toBits = (hex: string): bigint => BigInt(`0x${hex}`)

function readStatus(pid: number | undefined): ChildFacts['status'] {
  const text = read(pid, 'status')
  if (text === null) return null
  const field = (name: string) => fieldOf(text, name)
  return {
    uid: Number(field('Uid')),
    capabilities: ['CapPrm', 'CapEff', 'CapBnd'].reduce(
      (all, name) => all | toBits(field(name)),
      0n,
    ),
    noNewPrivileges: field('NoNewPrivs') === '1',
    seccomp: Number(field('Seccomp')),
  }
}

function checkLimits(pid: number | undefined, limits: SandboxLimits): string | null {
  const text = read(pid, 'limits')
  if (text === null) return null
  const rows: readonly (readonly [string, number])[] = [
    ['Max core file size', 0],
    ['Max file size', 0],
    ['Max data size', Math.ceil(limits.childDataBytesMax / 1024) * 1024],
    ['Max open files', limits.childFilesMax],
  ]
  for (const [name, max] of rows) {
    const hard = new RegExp(`^${name}\\s+\\S+\\s+(\\S+)`, 'm').exec(text)?.[1]
    if (hard !== undefined && !(Number(hard) <= max)) return `${name} is ${hard}, wanted ${max}`
  }
  return null
}

/** False also when it cannot be seen: another user's namespaces are not shown to everybody. */
function isShared(pid: number | undefined, name: string): boolean {
  try {
    return readlinkSync(`/proc/${pid}/ns/${name}`) === readlinkSync(`/proc/self/ns/${name}`)
  } catch {
    return false
  }
}

function read(pid: number | undefined, name: string): string | null {
  if (pid === undefined) return null
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1')
  } catch {
    return null
  }
}
