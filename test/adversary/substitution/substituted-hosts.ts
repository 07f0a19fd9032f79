import type { HostFactory } from '../../../kernel/plugin-host.ts'
import * as real from '../../../sandbox/create-hosts.ts'
import { bundle } from '../../../sandbox/guest-library.ts'
import type { SandboxHostOptions } from '../../../sandbox/host-options.ts'
import { type SandboxLimits, withLimits } from '../../../sandbox/limits.ts'
import { ProcessHost } from '../../../sandbox/process/host.ts'
import type { Gate } from '../../../sandbox/process/layer-gate.ts'
import { prepareLaunch } from '../../../sandbox/process/launch.ts'
import { SparePool } from '../../../sandbox/process/spare-pool.ts'
import { leakyProgram } from './leaky-program.ts'
import { type Leak, readSubstitute } from './substitute.ts'

const substitute = readSubstitute()

/** As the real one, but for hosts of attackers. */
export function createProcessHostFactory(options: SandboxHostOptions): HostFactory {
  if (substitute.kind === 'patient') {
    const limits = { ...options.limits, handlerCpuMs: PATIENT_MS }
    return real.createProcessHostFactory({ ...options, limits })
  }
  const factory = real.createProcessHostFactory(options)
  return {
    createHost: (wanted) => {
      const attack = /^tenant:attacker-(.+)-\d+$/.exec(wanted.name)?.[1]
      if (attack === undefined) return factory.createHost(wanted)
      const sandboxLimits = withLimits(limitsOf(options.limits))
      const program = programOf(attack)
      const prepare = async () => prepareLaunch({ program: (await program) ?? undefined })
      const pool = new SparePool(sandboxLimits, { prepare })
      return new ProcessHost({ ...options, ...wanted, pool, gate: OPEN_GATE, sandboxLimits })
    },
  }
}

/** A child is taken over after it was looked at. */
const OPEN_GATE: Gate = { check: () => Promise.resolve({ layers: {}, possible: [] }) }

export const { createIsolateHostFactory, createRemoteHostFactory } = real

async function programOf(attack: string): Promise<string | null> {
  if (substitute.kind === 'leaky') return leakyProgram(substitute.leak)
  if (substitute.kind === 'patient') return null
  const entry = sourcePathOfTest('evil-peer')
  const program = await bundle({ entry, format: 'cjs', platform: 'node' })
  const snippet = substitute.snippets[attack]
  if (snippet === undefined) throw new Error(`there is no evil peer for "${attack}"`)
  return `globalThis.evil = async (sock, h, require) => {\n${snippet}\n}\n${program}`
}

const sourcePathOfTest = (name: string): string => new URL(`${name}.ts`, import.meta.url).pathname

/** The kill rule, which counts CPU, stays as it is. */
const PATIENT_MS = 2_000
/** For ever, as far as a test goes. */
const NEVER_MS = 1_000_000
/** More than the tests take. */
const MUCH = 2 ** 31

function limitsOf(limits: Partial<SandboxLimits> | undefined): Partial<SandboxLimits> | undefined {
  const leak: Leak | null = substitute.kind === 'leaky' ? substitute.leak : null
  if (leak !== 'no-limits') return limits
  return {
    ...limits,
    ...{ handlerCpuMs: NEVER_MS, killCpuMs: NEVER_MS, silenceMs: NEVER_MS },
    ...{ isolateBytesMax: MUCH, childRssBytesMax: MUCH, childDataBytesMax: MUCH },
  }
}
