import { availableParallelism } from 'node:os'
import { refuseNode } from '../node-version.ts'
import { ok, problem, type Told, warning } from './finding.ts'

/** What a report says of the machine itself. */
export interface Machine {
  /** Of Node, without the `v`. */
  readonly nodeVersion: string
  readonly platform: string
  readonly arch: string
  readonly cores: number
}

/** The Node that everything is measured and tested on. */
const NODE_MAJOR_REFERENCE = 26

export function thisMachine(): Machine {
  const { versions, platform, arch } = process
  return { nodeVersion: versions.node, platform, arch, cores: availableParallelism() }
}

export function tellMachine(machine: Machine, workers: number): Told[] {
  const { platform, arch, cores } = machine
  const where = `${platform} ${arch}, ${cores} ${cores === 1 ? 'core' : 'cores'}`
  return [
    tellNode(machine.nodeVersion),
    platform === 'linux'
      ? ok('platform', where)
      : warning(
          'platform',
          `${where}: most sandbox layers are Linux's`,
          'run the gateway on Linux',
        ),
    workers <= cores
      ? ok('workers', `${workers}`)
      : warning('workers', `${workers}, more than cores`, '--workers auto takes one for each core'),
  ]
}

function tellNode(version: string): Told {
  const major = Number.parseInt(version, 10)
  const step = `run the gateway on Node ${NODE_MAJOR_REFERENCE}`
  const refusal = refuseNode(version)
  if (refusal !== null) return problem('Node', refusal.replace(/^sallyport: /, ''), step)
  if (major === NODE_MAJOR_REFERENCE) return ok('Node', `${version}, the reference`)
  if (major % 2 === 1) return problem('Node', `${version}: isolated-vm has no odd versions`, step)
  const text = `${version}; what is measured and tested is ${NODE_MAJOR_REFERENCE}`
  return warning('Node', text, step)
}
