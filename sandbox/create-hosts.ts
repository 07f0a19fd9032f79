import type { HostFactory, SandboxSettings } from '../kernel/plugin-host.ts'
import type { IsolateHostOptions, SandboxHostOptions } from './host-options.ts'
import { IsolateHost } from './isolate/host.ts'
import { toTenantLimits, withLimits } from './limits.ts'
import { ProcessHost } from './process/host.ts'
import { WireHost } from './process/wire-host.ts'
import { LayerGate } from './process/layer-gate.ts'
import { SparePool } from './process/spare-pool.ts'
import { REMOTE_LIMITS, type RemoteLimits } from './remote/remote-limits.ts'
import { RemoteSupervisor } from './remote/remote-supervisor.ts'

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
    createHost: ({ name, tenant, plugins, lowered = {} }) => {
      const pool = settings.jit.includes(name) ? pools.jit : pools.plain
      const own = { name, tenant, plugins, sandboxLimits: toTenantLimits(sandboxLimits, lowered) }
      return new ProcessHost({ ...options, ...own, pool, gate })
    },
  }
}

/** Makes the hosts of the `remote` tier of one worker: each has a connection to one program. */
export function createRemoteHostFactory(
  options: SandboxHostOptions & { readonly remote?: Partial<RemoteLimits> },
): HostFactory {
  const sandboxLimits = withLimits(options.limits)
  const remote = { ...REMOTE_LIMITS, ...options.remote }
  return {
    createHost: ({ name, plugins: [code] }) =>
      new WireHost({
        ...options,
        tier: 'remote',
        name,
        sandboxLimits,
        supervise: (events) =>
          new RemoteSupervisor({ ...options, name, code: code!, sandboxLimits, remote, events }),
      }),
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
