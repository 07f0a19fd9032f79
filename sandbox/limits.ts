import {
  type LimitChanges,
  type LimitTable,
  type LimitValues,
  resolveLimits,
  RESULT_LIMIT_ROWS,
} from '@sallyport/sdk/limits'

const KB = 1024
const MB = 1024 * KB

/**
 * Every limit of the sandbox. Times in milliseconds, sizes in bytes; those of payloads are counted in UTF-16
 * units of their JSON.
 */
export const SANDBOX_LIMIT_ROWS = {
  ...RESULT_LIMIT_ROWS,
  handlerCpuMs: {
    unit: 'ms',
    default: 50,
    range: [10, 10_000],
    tenant: true,
    atMost: 'guestTurnMs',
    reason:
      'what a handler may count on; a filter needs microseconds, and 50 ms is no delay people notice. Who burns twice as much is killed: CPU is counted in steps of 10 ms and looked at every 25',
  },
  guestTurnMs: {
    unit: 'ms',
    default: 400,
    range: [10, 60_000],
    tenant: true,
    atMost: 'silenceMs',
    reason:
      'wall clock, as isolated-vm has no other: with 50 ms honest handlers failed on a busy machine. Who burns CPU is killed long before; this ends who was given too little of it to be told apart, up to a quarter later',
  },
  isolateHandlerMs: {
    unit: 'ms',
    default: 20,
    range: [5, 10_000],
    reason:
      'wall clock of a handler in the `isolate` tier, where every other request waits meanwhile; with 10 ms a collection of garbage on a busy core stopped honest plugins (measured)',
  },
  silenceMs: {
    unit: 'ms',
    default: 1_000,
    range: [100, 60_000],
    reason: 'without any answer: longer than any pause of a machine that can be said to serve',
  },
  loadMs: {
    unit: 'ms',
    default: 500,
    range: [50, 60_000],
    tenant: true,
    reason:
      'for the code of a plugin: parsing 1 MB and building schemas takes tens of milliseconds without a JIT',
  },
  startMs: {
    unit: 'ms',
    default: 10_000,
    range: [500, 120_000],
    reason: 'a child starts in 60 ms; a busy machine may take ten times that and more',
  },
  configureMs: {
    unit: 'ms',
    default: 2_000,
    range: [50, 60_000],
    tenant: true,
    reason: '`init`, `configure` and `close` may wait for something as a handler may',
  },
  isolateBytesMax: {
    unit: 'bytes',
    default: 32 * MB,
    range: [8 * MB, 1_024 * MB],
    tenant: true,
    reason: 'room for tables of a plugin; V8 cannot do with much less than 8 MB',
  },
  childRssBytesMax: {
    unit: 'bytes',
    default: 256 * MB,
    range: [96 * MB, 16_384 * MB],
    tenant: true,
    reason:
      'a child without plugins has about 50 MB; what goes beyond five times that is an attack',
  },
  childDataBytesMax: {
    unit: 'bytes',
    default: 300 * MB,
    range: [128 * MB, 16_384 * MB],
    reason:
      'RLIMIT_DATA: 48 MB of a bare child without JIT, the rest for isolates and frames. Fixed when a child starts, which is before its tenant is known',
  },
  jitDataBytesMax: {
    unit: 'bytes',
    default: 4_096 * MB,
    range: [1_024 * MB, 65_536 * MB],
    reason:
      'the same with a JIT, where each isolate reserves 514 MB of addresses for code (measured): room for seven. What is really used is held by the limit of resident memory',
  },
  childFilesMax: {
    unit: 'count',
    default: 64,
    range: [48, 1_024],
    reason:
      'the standard descriptors, the channel, and what Node opens for itself. Fixed when a child starts',
  },
  bundleBytesMax: {
    unit: 'bytes',
    default: MB,
    range: [KB, 4 * MB],
    reason:
      "of a plugin's code: hundreds of times a normal plugin; what is larger carries a framework",
  },
  resultBytesMax: {
    unit: 'bytes',
    default: 2 * MB,
    range: [4 * KB, 2 * MB],
    tenant: true,
    reason:
      'a body of 1 MB in base64, in JSON, with its headers; a frame holds no more in every encoding',
  },
  effectBytesMax: {
    unit: 'bytes',
    default: 2 * MB,
    range: [4 * KB, 2 * MB],
    tenant: true,
    reason: 'a body of 1 MB in base64 that an effect brings in',
  },
  effectBytesTotalMax: {
    unit: 'bytes',
    default: 6 * MB,
    range: [4 * KB, 256 * MB],
    tenant: true,
    reason:
      'over the whole call: a body costs the worker 8 ms each time it is asked for (measured)',
  },
  depthMax: {
    unit: 'count',
    default: 64,
    reason:
      'of nesting: deeper than any data that people write, and shallow enough for recursive code; frames have the same',
  },
  payloadValuesMax: {
    unit: 'count',
    default: 20_000,
    range: [100, 100_000],
    tenant: true,
    reason:
      'lists, objects and what lies in them: a worker parses this much in a few milliseconds; 2 MB of empty objects took it 89 (measured)',
  },
  failureLengthMax: {
    unit: 'characters',
    default: 4 * KB,
    range: [1 * KB, 64 * KB],
    reason:
      'longer than the text of any error that somebody reads; the library in a sandbox cuts them at 500',
  },
  effectsMax: {
    unit: 'count',
    default: 64,
    range: [1, 1_024],
    tenant: true,
    reason: 'effects under way at one time in one call',
  },
  effectsTotalMax: {
    unit: 'count',
    default: 4_096,
    range: [1, 65_536],
    tenant: true,
    reason: 'over the whole call, with timers that were cleared; a worker does this many in 10 ms',
  },
  timersMax: {
    unit: 'count',
    default: 64,
    range: [1, 1_024],
    tenant: true,
    reason: 'timers under way at one time in one call',
  },
  queuedCallsMax: {
    unit: 'count',
    default: 1_024,
    range: [1, 65_536],
    tenant: true,
    reason:
      'at 100,000 calls a second this is 10 ms of work; whoever waits behind it is late anyway',
  },
  strikesMax: {
    unit: 'count',
    default: 3,
    range: [1, 100],
    reason:
      'a bug that happens once is no reason to stop a plugin; three in a minute are no accident',
  },
  strikeWindowMs: {
    unit: 'ms',
    default: 60_000,
    range: [1_000, 3_600_000],
    reason: 'the minute in which strikes are counted',
  },
  tenantCpuMs: {
    unit: 'ms',
    default: 2_000,
    range: [50, 600_000],
    tenant: true,
    reason:
      'the CPU that a tenant may burn at once on a node: a burst of traffic, or a start with a large table. Each call of a request counts 0.03 ms beside what its sandbox burns: it costs the worker that. While a worker is crowded (its loop busy for more than 70 %), a tenant comes down there to what the budget fills by',
  },
  tenantCpuFillMs: {
    unit: 'ms',
    default: 10_000,
    range: [100, 600_000],
    reason: 'how long that takes to fill again: so a tenant has 20 % of a core of a node for good',
  },
  quarantineMs: {
    unit: 'ms',
    default: 60_000,
    range: [1_000, 3_600_000],
    atMost: 'quarantineMsMax',
    reason: 'after the strikes; doubled each time',
  },
  quarantineMsMax: {
    unit: 'ms',
    default: 600_000,
    range: [1_000, 86_400_000],
    reason: 'where the doubling ends: who has put it right should not wait for hours',
  },
  stderrBytesMax: {
    unit: 'bytes',
    default: 4 * KB,
    range: [KB, MB],
    reason: "Node's own last words fit; more is not kept",
  },
} as const satisfies LimitTable

export interface SandboxLimits extends LimitValues<typeof SANDBOX_LIMIT_ROWS> {
  /**
   * Beyond it a child is killed. It follows from what a handler may count on, and has no row: the budget
   * of a tenant counts on it being twice that.
   */
  readonly killCpuMs: number
}

/** The limits in force: the defaults with what is given. */
export function withLimits(changed: Partial<SandboxLimits> | undefined): SandboxLimits {
  const limits = resolveLimits(SANDBOX_LIMIT_ROWS, changed ?? {})
  return { ...limits, killCpuMs: changed?.killCpuMs ?? 2 * limits.handlerCpuMs }
}

export const SANDBOX_LIMITS: SandboxLimits = withLimits({})

/** Those of a tenant that has lowered some of its own. */
export function toTenantLimits(limits: SandboxLimits, lowered: LimitChanges): SandboxLimits {
  const own = withLimits({ ...limits, ...lowered })
  if (own.handlerCpuMs === limits.handlerCpuMs) return own
  return { ...own, killCpuMs: Math.min(own.killCpuMs, 2 * own.handlerCpuMs) }
}

/** Those of a child with V8's compilers, if it is one. */
export function toProcessLimits(limits: SandboxLimits, isJit: boolean): SandboxLimits {
  // Compilers reserve addresses that the limit of memory would take for memory.
  return isJit ? { ...limits, childDataBytesMax: limits.jitDataBytesMax } : limits
}
