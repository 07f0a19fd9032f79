import type { GatewayStatus } from '../gateway.ts'
import { type HostState, SANDBOX_ABILITIES, type SpareState } from '../plugin-host.ts'
import type { WorkerState } from '../process/worker-process.ts'
import { EFFECT_FAMILIES } from './effect-metrics.ts'
import {
  eachStatus,
  type Family,
  type Labels,
  type NodeReport,
  type Sample,
} from './metric-family.ts'

type Host = GatewayStatus['hosts'][number]
type Instance = GatewayStatus['instances'][number]

const WORKER_STATES: Readonly<Record<WorkerState, true>> = {
  starting: true,
  serving: true,
  draining: true,
  gone: true,
}

const HOST_STATES: Readonly<Record<HostState, true>> = {
  starting: true,
  ready: true,
  recovering: true,
  quarantined: true,
  draining: true,
  closed: true,
  failed: true,
}

const SPARE_STATES: Readonly<Record<SpareState, true>> = {
  unused: true,
  absent: true,
  starting: true,
  ready: true,
}

/**
 * Everything that is counted of a node. Counters begin anew with a worker or an instance, as rates
 * expect. A state is told as one sample for each that there is: 1 for the one it is in.
 */
const FAMILIES: Readonly<Record<string, Family>> = {
  sallyport_workers: {
    type: 'gauge',
    help: 'workers that there should be',
    samples: ({ workers }) => [[{}, workers]],
  },
  sallyport_worker_state: {
    type: 'gauge',
    help: 'the state of each worker',
    samples: ({ reports }) =>
      reports.flatMap(({ place, pid, state }) =>
        toStates(WORKER_STATES, state, { worker: String(place), pid: String(pid) }),
      ),
  },
  sallyport_worker_answers: {
    type: 'gauge',
    help: 'whether the worker told its part of these figures in time',
    samples: ({ reports }) =>
      reports.map(({ place, pid, status }) => [
        { worker: String(place), pid: String(pid) },
        status === null ? 0 : 1,
      ]),
  },
  sallyport_config_version: ofWorkers('gauge', 'snapshot in force', ({ version }) => version),
  sallyport_requests_in_flight: ofWorkers('gauge', 'requests', ({ inFlight }) => inFlight),
  sallyport_plugin_calls_total: ofInstances('handler calls', ({ calls }) => calls),
  sallyport_plugin_wait_seconds_total: ofInstances(
    'time for which requests waited for handlers',
    ({ waitedMs }) => waitedMs / 1_000,
  ),
  sallyport_plugin_failures_total: {
    type: 'counter',
    help: 'handler calls that failed, by kind',
    samples: (node) =>
      eachInstance(node).flatMap(([labels, { failures }]) =>
        Object.entries(failures).map(([kind, count]) => [{ ...labels, kind }, count] as const),
      ),
  },
  sallyport_plugin_host_state: {
    type: 'gauge',
    help: 'the state of each plugin host; quarantined is an open breaker',
    samples: (node) =>
      eachHost(node).flatMap(([labels, { state }]) => toStates(HOST_STATES, state, labels)),
  },
  sallyport_plugin_host_calls_total: ofHosts('counter', 'calls', ({ stats }) => stats.calls),
  sallyport_plugin_host_errors_total: ofHosts(
    'counter',
    'calls that failed but for time-outs',
    ({ stats }) => stats.errors,
  ),
  sallyport_plugin_host_timeouts_total: ofHosts(
    'counter',
    'calls that ran out of time',
    ({ stats }) => stats.timeouts,
  ),
  sallyport_plugin_host_kills_total: ofHosts(
    'counter',
    'sandbox processes that were killed or died',
    ({ stats }) => stats.kills,
  ),
  sallyport_plugin_host_starts_total: ofHosts(
    'counter',
    'sandbox processes that were taken into service',
    ({ stats }) => stats.starts,
  ),
  sallyport_plugin_host_throttled_total: ofHosts(
    'counter',
    "calls that had to wait for the tenant's CPU budget",
    ({ stats }) => stats.throttled ?? null,
  ),
  sallyport_plugin_host_cpu_seconds_total: ofHosts(
    'counter',
    'CPU that its sandbox processes have burnt',
    ({ stats }) => (stats.cpuMs === undefined ? null : stats.cpuMs / 1_000),
  ),
  sallyport_plugin_host_queue_length: ofHosts(
    'gauge',
    'calls that are not over',
    ({ stats }) => stats.queued,
  ),
  sallyport_plugin_host_memory_bytes: ofHosts(
    'gauge',
    'resident memory of its sandbox process',
    ({ stats }) => stats.rssBytes ?? null,
  ),
  sallyport_plugin_host_told_cpu_seconds_total: ofHosts(
    'counter',
    'CPU that a remote program says it has burnt; each worker asks the same program',
    ({ stats: { told } }) => (told ? told.cpuMs / 1_000 : null),
  ),
  sallyport_plugin_host_told_memory_bytes: ofHosts(
    'gauge',
    'memory that a remote program says it uses; each worker asks the same program',
    ({ stats: { told } }) => told?.heapBytes ?? null,
  ),
  sallyport_sandbox_spare_state: {
    type: 'gauge',
    help: 'the state of the process that is kept ready for the next sandbox',
    samples: (node) =>
      eachStatus(node).flatMap(([worker, { spares }]) =>
        spares.flatMap(({ pool, state }) => toStates(SPARE_STATES, state, { worker, pool })),
      ),
  },
  sallyport_sandbox_layer_active: {
    type: 'gauge',
    help: 'whether a layer is in force around the sandbox process',
    samples: (node) =>
      eachHost(node).flatMap(([labels, { stats }]) =>
        Object.entries(stats.sandbox?.layers ?? {}).map(
          ([layer, isActive]) => [{ ...labels, layer }, isActive ? 1 : 0] as const,
        ),
      ),
  },
  sallyport_sandbox_possible: {
    type: 'gauge',
    help: 'what the sandbox process could do when it tried; 0 is as it should be',
    samples: (node) =>
      eachHost(node).flatMap(
        ([
          labels,
          {
            stats: { sandbox },
          },
        ]) =>
          sandbox === undefined || sandbox === null
            ? []
            : SANDBOX_ABILITIES.map(
                (ability) =>
                  [{ ...labels, ability }, sandbox.possible.includes(ability) ? 1 : 0] as const,
              ),
      ),
  },
  ...EFFECT_FAMILIES,
}

/** The figures of a node in the text format of Prometheus. */
export function toMetricsText(node: NodeReport): string {
  return Object.entries(FAMILIES)
    .map(([name, { type, help, samples }]) => {
      const lines = samples(node).map(([labels, value]) => `${name}${toLabels(labels)} ${value}\n`)
      return `# HELP ${name} ${help}\n# TYPE ${name} ${type}\n${lines.join('')}`
    })
    .join('')
}

function ofWorkers(
  type: Family['type'],
  help: string,
  read: (status: GatewayStatus) => number,
): Family {
  return {
    type,
    help,
    samples: (node) =>
      eachStatus(node).map(([worker, status]) => [{ worker }, read(status)] as const),
  }
}

function ofInstances(help: string, read: (instance: Instance) => number): Family {
  const samples = (node: NodeReport) =>
    eachInstance(node).map(([labels, instance]) => [labels, read(instance)] as const)
  return { type: 'counter', help, samples }
}

/** Null for a host that does not count such a thing. */
function ofHosts(type: Family['type'], help: string, read: (host: Host) => number | null): Family {
  const samples = (node: NodeReport) =>
    eachHost(node).flatMap(([labels, host]) => {
      const value = read(host)
      return value === null ? [] : [[labels, value] as const]
    })
  return { type, help, samples }
}

function eachInstance(node: NodeReport): (readonly [Labels, Instance])[] {
  return eachStatus(node).flatMap(([worker, { instances }]) =>
    instances.map((instance) => {
      const { plugin, id, tenant } = instance
      return [{ worker, plugin, instance: id, tenant: tenant ?? '' }, instance] as const
    }),
  )
}

const TENANT = 'tenant:'

function eachHost(node: NodeReport): (readonly [Labels, Host])[] {
  return eachStatus(node).flatMap(([worker, { hosts }]) =>
    hosts.map((host) => {
      const tenant = host.name.startsWith(TENANT) ? host.name.slice(TENANT.length) : ''
      return [{ worker, host: host.name, tier: host.tier, tenant }, host] as const
    }),
  )
}

function toStates(states: Readonly<Record<string, true>>, state: string, labels: Labels): Sample[] {
  return Object.keys(states).map((each) => [{ ...labels, state: each }, each === state ? 1 : 0])
}

function toLabels(labels: Labels): string {
  const entries = Object.entries(labels).map(([name, value]) => `${name}="${escape(value)}"`)
  return entries.length === 0 ? '' : `{${entries.join(',')}}`
}

function escape(value: string): string {
  return value.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n')
}
