import type { LimitChanges } from '@sallyport/sdk/limits'
import type { Pdk, Phase, Plugin, PluginManifest } from '@sallyport/sdk'

/** Where the code of a plugin runs. The operator decides it, never a file or a package. */
export const TIERS = ['inline', 'isolate', 'process', 'remote'] as const
export type Tier = (typeof TIERS)[number]

/**
 * Every state of a host, in the order of a life:
 * `starting`     no call can be made yet; calls wait;
 * `ready`        calls are served;
 * `recovering`   its sandbox was killed or died and is being replaced, or its remote program cannot be reached;
 *                calls wait;
 * `quarantined`  it was killed too often and answers `unavailable` until a pause is over;
 * `draining`     no new calls; those begun end with `unavailable`;
 * `closed`       nothing runs any more;
 * `failed`       it could not be started; answers `unavailable` with the reason.
 */
export type HostState =
  | 'starting'
  | 'ready'
  | 'recovering'
  | 'quarantined'
  | 'draining'
  | 'closed'
  | 'failed'

/** What the sandbox of a tenant must be denied before it may start; an operator may do without some. */
export const SANDBOX_ABILITIES = ['file', 'network', 'spawn', 'kill', 'environment'] as const
export type SandboxAbility = (typeof SANDBOX_ABILITIES)[number]

/** What an operator may choose of the sandboxes; plain data. */
export interface SandboxSettings {
  /** Abilities that a tenant's sandbox may have on a machine that cannot deny them. */
  readonly allowMissing: readonly SandboxAbility[]
  /** Hosts, like `tenant:acme` or `plugin:hello`, that run with V8's compilers. */
  readonly jit: readonly string[]
}

/** What is known of the process around a host's plugins. */
export interface SandboxCondition {
  /** The layers around it by name: whether each is in force. */
  readonly layers: Readonly<Record<string, boolean>>
  /** What it could do when it tried. */
  readonly possible: readonly SandboxAbility[]
}

/** One thing that a sandbox host tried before it held a plugin. */
export interface SandboxTrial {
  readonly ability: SandboxAbility
  /** Like `write a file`. */
  readonly what: string
  readonly possible: boolean
}

/**
 * `active`   in force, as far as it can be seen;
 * `missing`  it cannot be applied on this machine;
 * `broken`   it was applied and does not hold;
 * `untried`  no sandbox host could be started, so nobody has seen it.
 */
export type LayerVerdict = 'active' | 'missing' | 'broken' | 'untried'

export interface InspectedLayer {
  readonly name: string
  /** What it takes away. */
  readonly denies: readonly string[]
  readonly verdict: LayerVerdict
  /** Why it is missing or what is broken; null for the others. */
  readonly why: string | null
  /** What to install or allow; null when there is nothing to do. */
  readonly remedy: string | null
}

/** What a sandbox host turned out to be that was started only to be looked at; plain data. */
export interface SandboxInspection {
  /** The file of isolated-vm's add-on; null when there is none for this Node. */
  readonly addon: string | null
  /** Why no sandbox host can be started; null when one was. */
  readonly failure: string | null
  readonly layers: readonly InspectedLayer[]
  /** What is missing for sandboxes that take too much to give way to the gateway. */
  readonly priority: { readonly why: string | null; readonly remedy: string | null }
  /** Empty when no sandbox host was started. */
  readonly trials: readonly SandboxTrial[]
  /** Abilities because of which no plugin of a tenant is started. */
  readonly refused: readonly SandboxAbility[]
}

/** A plugin that the operator has loaded: its manifest, its tier and its code. */
export interface PluginCode {
  readonly manifest: PluginManifest
  readonly tier: Tier
  /** The module itself, only for `inline`. */
  readonly module: Plugin | null
  /** JavaScript source (types stripped) of the one module, for the tiers that run it elsewhere. */
  readonly source: string | null
  /** Where it came from, for messages. */
  readonly origin: string
}

/** A configured plugin. `key` changes with the configuration, so two snapshots never mix theirs. */
export interface InstanceSpec {
  readonly key: string
  /** The entity's id. */
  readonly id: string
  readonly pluginName: string
  /** Validated, with defaults; JSON. */
  readonly config: unknown
}

/** One call of one handler. The kernel makes it and stays its owner: a host never sees a request. */
export interface HostCall {
  /** `InstanceSpec.key` */
  readonly instanceKey: string
  readonly phase: Phase
  /** For the `inline` tier. */
  readonly config: unknown
  readonly pdk: Pdk
  /** What crosses into a sandbox, as the text of a `CallView`; made when asked for. */
  view(): string
  /**
   * Checks and applies what came out of a sandbox (`CallResult`, but trust nothing), all or nothing.
   * Throws `HostFailure` of kind `refused` when it is not as it should be.
   */
  apply(result: unknown): void
  /** Executes an `effect` member for the handler; rejects with an Error whose message may be shown to it. */
  effect(member: string, args: readonly unknown[]): Promise<unknown>
  /** Wall-clock time the handler may take in all, with I/O. */
  readonly timeoutMs: number
  /**
   * Calls that come right after this one unless it keeps them from it: by an answer, a failure, another
   * consumer. Their turn comes with a `call` of their own, or never with `drop`.
   */
  readonly followers?: readonly HostCall[]
  /** `ctx.plugin` as JSON, which is not the same for whoever follows. */
  pluginContextText(): string
  /** True once the handler has ended or its deadline has passed: nothing is applied any more. */
  readonly over: boolean
}

/** What a remote program says that it uses. Nobody can see whether that is true. */
export interface ToldUsage {
  /** Since it was started. */
  readonly cpuMs: number
  readonly heapBytes: number
}

/** Counters since the host was made. Times in milliseconds, memory in bytes. */
export interface HostStats {
  readonly calls: number
  readonly errors: number
  readonly timeouts: number
  readonly kills: number
  readonly starts: number
  readonly queued: number
  /** Of its process; absent where it has none of its own. */
  readonly rssBytes?: number
  /** CPU that its processes have burnt, those that are gone included. */
  readonly cpuMs?: number
  /** Of a remote program; null while it tells nothing. */
  readonly told?: ToldUsage | null
  /** Calls that had to wait because the tenant's CPU budget was used up. */
  readonly throttled?: number
  /** Of the child in service; null while there is none. */
  readonly sandbox?: SandboxCondition | null
}

/** The one port between the kernel and whatever runs plugins. A step does not know its tier. */
export interface PluginHost {
  readonly tier: Tier
  /** Unique among the hosts of a worker: `inline`, `plugin:hello` or `tenant:acme`. */
  readonly name: string
  readonly state: HostState
  /**
   * Makes exactly these instances callable; resolves when they are. Instances that are no longer
   * listed have no calls in flight. Rejects with an Error that names plugin and reason when an
   * instance cannot be made; what was callable before stays so.
   */
  configure(instances: readonly InstanceSpec[]): Promise<void>
  /**
   * Runs the handler and applies its result through `call`. Returns nothing when it ended at once.
   * Throws or rejects with `HostFailure`; anything else that is thrown counts as kind `error`.
   */
  call(call: HostCall): void | Promise<void>
  /** Whether it makes anything of `followers`. */
  readonly takesFollowers?: boolean
  /** The turn of a follower will not come. */
  drop?(call: HostCall): void
  stats(): HostStats
  /** Ends calls with `unavailable`, frees everything. */
  close(): Promise<void>
}

/** Makes the hosts of a tier. `tenant` is null for a plugin that no tenant owns. */
export interface HostFactory {
  createHost(options: {
    name: string
    tenant: string | null
    /** The plugins that may be configured in this host. */
    plugins: readonly PluginCode[]
    /** What the tenant has lowered of the limits, by their names; those that are not a host's are among them. */
    lowered?: LimitChanges
  }): PluginHost
  /** How the processes stand that are kept ready for whoever needs one next; none: there are no such. */
  spares?(): readonly SpareStatus[]
}

/**
 * `unused`    no host needs one, so none is kept;
 * `absent`    the last one was taken or died, and the next is not begun;
 * `starting`  whoever needs one now waits for it;
 * `ready`     a sandbox that is killed is replaced in milliseconds.
 */
export type SpareState = 'unused' | 'absent' | 'starting' | 'ready'

export interface SpareStatus {
  /** `plain`, or `jit` for sandboxes with V8's compilers. */
  readonly pool: string
  readonly state: SpareState
}
