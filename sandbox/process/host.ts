import type { PluginCode } from '../../kernel/plugin-host.ts'
import type { SandboxHostOptions } from '../host-options.ts'
import type { SandboxLimits } from '../limits.ts'
import type { Gate } from './layer-gate.ts'
import type { SparePool } from './spare-pool.ts'
import { Supervisor } from './supervisor.ts'
import { WireHost } from './wire-host.ts'

export interface ProcessHostOptions extends SandboxHostOptions {
  readonly name: string
  /** Null for a plugin that no tenant owns. */
  readonly tenant: string | null
  readonly plugins: readonly PluginCode[]
  readonly pool: SparePool
  readonly gate: Gate
  readonly sandboxLimits: SandboxLimits
}

/** The `process` tier: the plugins of one tenant, or one plugin, in a child process. */
export class ProcessHost extends WireHost {
  constructor(options: ProcessHostOptions) {
    super({
      ...options,
      tier: 'process',
      takesFollowers: true,
      supervise: (events) => new Supervisor({ ...options, events }),
    })
  }
}
