import type { HostFactory, SandboxSettings } from '../kernel/plugin-host.ts'
import type { IsolateHostOptions, SandboxHostOptions } from './host-options.ts'
import { IsolateHost } from './isolate/host.ts'
import { withLimits } from './limits.ts'
import { ProcessHost } from './process/host.ts'
import { LayerGate } from './process/layer-gate.ts'
import { SparePool } from './process/spare-pool.ts'

const DEFAULT_SETTINGS: SandboxSettings = { allowMissing: [], jit: [] }

/** Makes the hosts of the `process` tier of one worker. They share one spare child. */
export function createProcessHostFactory(options: SandboxHostOptions): HostFactory {
  const sandboxLimits = withLimits(options.limits)
  const { log, settings = DEFAULT_SETTINGS } = options
  const gate = new LayerGate({ log, allowMissing: settings.allowMissing })
  const pools = {
    plain: new SparePool(sandboxLimits),
    jit: new SparePool(sandboxLimits, { isJit: true }),
  }
  return {
    spares: () => Object.entries(pools).map(([pool, { state }]) => ({ pool, state })),
    createHost: ({ name, tenant, plugins }) => {
      const pool = settings.jit.includes(name) ? pools.jit : pools.plain
      return new ProcessHost({ ...options, name, tenant, plugins, pool, gate, sandboxLimits })
    },
  }
}

/** Makes the hosts of the `isolate` tier of one worker. */
export function createIsolateHostFactory(options: IsolateHostOptions): HostFactory {
  const sandboxLimits = withLimits(options.limits)
  return {
    createHost: ({ name, plugins }) =>
      new IsolateHost({ ...options, name, plugins, sandboxLimits }),
  }
}
