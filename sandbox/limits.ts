/**
 * Every limit of the sandbox with its default. An operator may change them; a tenant may only lower
 * its own. Times in milliseconds, sizes in bytes.
 */
export interface SandboxLimits {
  readonly handlerCpuMs: number
  readonly guestTurnMs: number
  readonly isolateHandlerMs: number
  readonly killCpuMs: number
  readonly silenceMs: number
  readonly loadMs: number
  readonly startMs: number
  readonly configureMs: number
  readonly isolateBytesMax: number
  readonly childRssBytesMax: number
  readonly childDataBytesMax: number
  readonly jitDataBytesMax: number
  readonly childFilesMax: number
  readonly bundleBytesMax: number
  readonly resultBytesMax: number
  readonly effectBytesMax: number
  readonly effectBytesTotalMax: number
  readonly depthMax: number
  readonly payloadValuesMax: number
  readonly failureLengthMax: number
  readonly contextBytesMax: number
  readonly logLinesMax: number
  readonly logLineLengthMax: number
  readonly changesMax: number
  readonly effectsMax: number
  readonly effectsTotalMax: number
  readonly timersMax: number
  readonly queuedCallsMax: number
  readonly strikesMax: number
  readonly strikeWindowMs: number
  readonly tenantCpuMs: number
  readonly tenantCpuFillMs: number
  readonly quarantineMs: number
  readonly quarantineMsMax: number
  readonly stderrBytesMax: number
}

const KB = 1024
const MB = 1024 * KB

export const SANDBOX_LIMITS: SandboxLimits = {
  // What a handler may count on. A filter needs microseconds; 50 ms is a thousand times that and still
  // no delay people notice.
  handlerCpuMs: 50,
  // Wall clock, as isolated-vm has no other: with 50 ms honest handlers failed on a busy machine, where
  // most of it is spent waiting. Who burns CPU is killed long before, by the rule below; this ends who
  // was given too little of it to be told apart.
  guestTurnMs: 400,
  // In the worker every other request waits meanwhile. Wall clock, as isolated-vm has no other: with
  // 10 ms a collection of garbage on a busy core stopped honest plugins within seconds (measured).
  isolateHandlerMs: 20,
  // Twice what a handler may count on: CPU is counted in steps of 10 ms, and looked at every 25.
  killCpuMs: 100,
  // Longer than any pause of a machine that can be said to serve.
  silenceMs: 1_000,
  // Parsing 1 MB and building schemas takes tens of milliseconds without a JIT.
  loadMs: 500,
  // `init`, `configure` and `close` may wait for something as a handler may.
  configureMs: 2_000,
  // A child starts in 60 ms; a busy machine may take ten times that and more.
  startMs: 10_000,
  // Room for tables of a plugin; V8 cannot do with much less than 8 MB.
  isolateBytesMax: 32 * MB,
  // A child without plugins has about 50 MB; what goes beyond five times that is an attack.
  childRssBytesMax: 256 * MB,
  // RLIMIT_DATA: 48 MB of a bare child without JIT, and 192 MB for isolates and frames.
  childDataBytesMax: 300 * MB,
  // With a JIT each isolate reserves 514 MB of addresses for code (measured): room for seven. What is
  // really used is held by the limit of resident memory.
  jitDataBytesMax: 4_096 * MB,
  // The standard descriptors, the channel, and what Node opens for itself.
  childFilesMax: 64,
  // Hundreds of times a normal plugin; what is larger carries a framework.
  bundleBytesMax: MB,
  // A body of 1 MB in base64, in JSON, with its headers.
  resultBytesMax: 2 * MB,
  // A body of 1 MB in base64 that an effect brings in.
  effectBytesMax: 2 * MB,
  // Over the whole call. A body costs the worker 8 ms each time it is asked for (measured).
  effectBytesTotalMax: 6 * MB,
  // Deeper than any data that people write, and shallow enough for recursive code.
  depthMax: 64,
  // A worker parses this much in a few milliseconds; 2 MB of empty objects took it 89 (measured).
  payloadValuesMax: 20_000,
  // Longer than the text of any error that somebody reads.
  failureLengthMax: 4 * KB,
  // What one tenant's plugins tell each other about one request.
  contextBytesMax: 16 * KB,
  // More lines a request than this are a flood, not a log.
  logLinesMax: 64,
  logLineLengthMax: 4 * KB,
  // A handler that changes more than this is not filtering a message any more.
  changesMax: 1_000,
  // Effects under way at one time in one call.
  effectsMax: 64,
  // Over the whole call, with timers that were cleared; a worker does this many in 10 ms.
  effectsTotalMax: 4_096,
  // Timers under way at one time in one call.
  timersMax: 64,
  // At 100,000 calls a second this is 10 ms of work; whoever waits behind it is late anyway.
  queuedCallsMax: 1_024,
  // A bug that happens once is no reason to stop a plugin; three in a minute are no accident.
  strikesMax: 3,
  strikeWindowMs: 60_000,
  // The CPU that a tenant may burn at once: a burst of traffic, or a start with a large table.
  tenantCpuMs: 2_000,
  // How long that takes to fill again: so a tenant has 20 % of a core of a node for good.
  tenantCpuFillMs: 10_000,
  quarantineMs: 60_000,
  quarantineMsMax: 600_000,
  // Node's own last words fit; more is not kept.
  stderrBytesMax: 4 * KB,
}

/** The limits in force: the defaults with what is given. */
export function withLimits(changed: Partial<SandboxLimits> | undefined): SandboxLimits {
  return { ...SANDBOX_LIMITS, ...changed }
}

/** Those of a child with V8's compilers, if it is one. */
export function toProcessLimits(limits: SandboxLimits, isJit: boolean): SandboxLimits {
  // Compilers reserve addresses that the limit of memory would take for memory.
  return isJit ? { ...limits, childDataBytesMax: limits.jitDataBytesMax } : limits
}
