import type { GuestOptions } from '@sallyport/sdk/guest'
import type { SandboxSettings } from '../kernel/plugin-host.ts'
import type { SandboxLimits } from './limits.ts'

/** Counts over all workers of a node; the kernel's counters port has this shape. */
export interface CountersPort {
  add(key: string, amount: number, windowMs: number): Promise<number>
  /** Takes from a bucket that fills by itself; tells what is left, below zero for a debt. */
  spend?(
    key: string,
    amount: number,
    bucket: { readonly size: number; readonly fillMs: number },
  ): Promise<number>
}

export type SandboxLogLevel = 'debug' | 'info' | 'notice' | 'warn' | 'err' | 'crit'

/** A line of a sandbox or about one, for the operator. */
export interface SandboxLogLine {
  readonly level: SandboxLogLevel
  /** The host's name, like `tenant:acme`. */
  readonly host: string
  readonly text: string
}

/** What hosts of the tiers `isolate`, `process` and `remote` are made with. */
export interface SandboxHostOptions {
  readonly log: (line: SandboxLogLine) => void
  readonly counters: CountersPort
  /** What `pdk.node` tells. */
  readonly node: { readonly id: string; readonly hostname: string }
  /** Addresses and CIDR ranges of trusted proxies; default none. */
  readonly trustedIps?: readonly string[]
  readonly limits?: Partial<SandboxLimits>
  /** What the operator has chosen; default: nothing may be missing, no JIT. */
  readonly settings?: SandboxSettings
  /** Milliseconds of a monotonic clock; replaced in tests. */
  readonly nowMs?: () => number
}

export interface IsolateHostOptions extends SandboxHostOptions {
  /**
   * Called when a time-out or memory event has made an isolate unusable: the worker's heap and threads
   * may have suffered, so the instance should move to `process` and the worker be drained.
   */
  readonly onPoisoned?: (event: { host: string; plugin: string; reason: string }) => void
}

/** The options of the guest library as they cross. */
export function toGuestOptions(
  limits: SandboxLimits,
  { node, trustedIps = [] }: Pick<SandboxHostOptions, 'node' | 'trustedIps'>,
): GuestOptions {
  return {
    resultBytesMax: limits.resultBytesMax,
    depthMax: limits.depthMax,
    contextBytesMax: limits.contextBytesMax,
    logLinesMax: limits.logLinesMax,
    logLineLengthMax: limits.logLineLengthMax,
    changesMax: limits.changesMax,
    effectsMax: limits.effectsMax,
    effectValuesMax: limits.payloadValuesMax,
    timersMax: limits.timersMax,
    node,
    trustedIps,
  }
}

const LEVELS: ReadonlySet<unknown> = new Set(['debug', 'info', 'notice', 'warn', 'err', 'crit'])

/** Hands on the lines of a list `[level, text]` that came out of a sandbox, as far as they are ones. */
export function logLines(
  lines: unknown,
  host: string,
  { log, limits }: { log: SandboxHostOptions['log']; limits: SandboxLimits },
): void {
  if (!Array.isArray(lines)) return
  for (const line of lines.slice(0, limits.logLinesMax) as unknown[]) {
    if (!Array.isArray(line)) continue
    const [level, text] = line as unknown[]
    if (!LEVELS.has(level) || typeof text !== 'string') continue
    log({ level: level as SandboxLogLevel, host, text: text.slice(0, limits.logLineLengthMax) })
  }
}
