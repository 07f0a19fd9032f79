import {
  HostFailure,
  isPdkMember,
  type Pdk,
  PDK_ERRORS,
  PDK_MEMBERS,
  PdkError,
  type PdkMember,
  PDK_PHASE_BITS,
  type Phase,
  PHASES,
  wrongPhaseText,
} from '@sallyport/sdk'
import type { Answer } from './answer.ts'
import { writeCallView } from './call-view.ts'
import { applyCallResult } from './call-result.ts'
import type { Step } from './chain.ts'
import type { RequestContext } from './context.ts'
import type { Environment } from './environment.ts'
import { CallBudget } from './effects/call-budget.ts'
import type { Permissions } from './effects/grants.ts'
import { createPdk } from './pdk/build.ts'
import { decodeEffectArguments } from './pdk/effect-arguments.ts'
import { PDK_IMPLEMENTATION } from './pdk/implementation.ts'
import type { HostCall } from './plugin-host.ts'
import type { PluginLimits } from './plugin-limits.ts'
import type { ServiceChanges } from './service-changes.ts'

/** The changeable part of a request, as it was before a handler touched it. */
interface Checkpoint {
  readonly changes: ServiceChanges | null
  readonly buffersAnswer: boolean
  readonly serializeValues: number
  readonly answer: Answer | null
  readonly pendingOperations: number
  readonly pendingStatus: number | null
  readonly consumer: RequestContext['consumer']
  readonly credential: RequestContext['credential']
  readonly chunk: Uint8Array | null
  readonly shared: Record<string, unknown> | null
  readonly plugin: Record<string, unknown> | null
}

/** One call of one handler: what the PDK works on, and what a host is given. */
export class PluginCall implements HostCall {
  readonly ctx: RequestContext
  readonly step: Step
  readonly phase: Phase
  readonly phaseBit: number
  readonly environment: Environment
  /** Set when `response.exit` was called; the message cannot be changed after it. */
  exited = false
  /** Set when the call authenticated a consumer or credential. */
  authenticated = false
  #over = false
  #budget: CallBudget | null = null
  /** How many changes of the answer's head were waiting before this call. */
  pendingBefore: number
  followers: readonly PluginCall[] = []
  #pdk: Pdk | null = null

  constructor(ctx: RequestContext, step: Step, phase: Phase, environment: Environment) {
    this.ctx = ctx
    this.step = step
    this.phase = phase
    this.phaseBit = PHASES[phase].bit
    this.environment = environment
    this.pendingBefore = ctx.pendingOperations.length
  }

  get instanceKey(): string {
    return this.step.instanceKey
  }

  get config(): unknown {
    return this.step.config
  }

  get timeoutMs(): number {
    return this.step.timeoutMs
  }

  get over(): boolean {
    return this.#over
  }

  /** Once set it stays; what the handler has under way beyond the request ends with it. */
  set over(isOver: boolean) {
    this.#over = isOver
    if (isOver) this.#budget?.end()
  }

  /** What its owner is held to. */
  get limits(): PluginLimits {
    return this.step.limits
  }

  /** What the call has of its effects; counted from the first of them. */
  get budget(): CallBudget {
    return (this.#budget ??= new CallBudget(this.limits, this.timeoutMs))
  }

  get permissions(): Permissions {
    return this.environment.effects.permissionsOf(this.step.pluginName, this.step.tenant)
  }

  get pdk(): Pdk {
    return (this.#pdk ??= createPdk(this))
  }

  /** Throws unless the member may be called now. */
  check(member: PdkMember, phaseBits: number): void {
    if (this.over) {
      throw new PdkError(
        'HANDLER_OVER',
        `${member} was called after the handler for ${this.phase} had ended or run out of time`,
      )
    }
    if ((phaseBits & this.phaseBit) === 0) {
      throw new PdkError('WRONG_PHASE', wrongPhaseText(member, this.phase))
    }
  }

  view(): string {
    return writeCallView(this)
  }

  pluginContextText(): string {
    return this.ctx.pluginContexts === null ? '{}' : JSON.stringify(this.pluginContext)
  }

  apply(result: unknown): void {
    if (this.over) throw new HostFailure('refused', 'the result came after the handler was over')
    const before = this.checkpoint()
    try {
      applyCallResult(this, result)
    } catch (error) {
      this.restore(before)
      throw error
    }
  }

  effect(member: string, args: readonly unknown[]): Promise<unknown> {
    if (!isPdkMember(member) || PDK_MEMBERS[member].kind !== 'effect') {
      return Promise.reject(new PdkError('NOT_FOUND', `"${member}" is not an effect of the PDK`))
    }
    try {
      this.check(member, PDK_PHASE_BITS[member])
      const implementation = PDK_IMPLEMENTATION[member] as (...all: unknown[]) => Promise<unknown>
      const done = implementation(this, ...decodeEffectArguments(member, args))
      return done.catch((error: unknown) => this.#effectFailed(member, error))
    } catch (error) {
      return this.#effectFailed(member, error)
    }
  }

  /** What is no error of the PDK is a fault of ours: told to the operator, not to the plugin. */
  #effectFailed(member: PdkMember, error: unknown): Promise<never> {
    if (error instanceof PdkError) return Promise.reject(error)
    const { pluginName, tenant } = this.step
    this.environment.log.error(
      { plugin: pluginName, tenant, member, err: error },
      'an effect failed',
    )
    return Promise.reject(new PdkError('INTERNAL', `${member}: ${PDK_ERRORS.INTERNAL}`))
  }

  /** `ctx.shared` is seen within one tenant only. */
  get sharedContext(): Record<string, unknown> {
    const all = (this.ctx.shared ??= new Map())
    return getOrMake(all, this.step.tenant ?? '')
  }

  set sharedContext(value: Record<string, unknown>) {
    ;(this.ctx.shared ??= new Map()).set(this.step.tenant ?? '', value)
  }

  get pluginContext(): Record<string, unknown> {
    const all = (this.ctx.pluginContexts ??= new Map())
    return getOrMake(all, this.step.instanceKey)
  }

  set pluginContext(value: Record<string, unknown>) {
    ;(this.ctx.pluginContexts ??= new Map()).set(this.step.instanceKey, value)
  }

  /** Taken before a handler whose changes may have to be undone. */
  checkpoint(): Checkpoint {
    const { ctx } = this
    const shared = ctx.shared?.get(this.step.tenant ?? '') ?? null
    const plugin = ctx.pluginContexts?.get(this.step.instanceKey) ?? null
    return {
      changes: ctx.changes === null ? null : ctx.changes.copy(),
      buffersAnswer: ctx.buffersAnswer,
      serializeValues: ctx.serializeValues?.length ?? 0,
      answer: ctx.answer === null ? null : { ...ctx.answer, headers: ctx.answer.headers.slice() },
      pendingOperations: ctx.pendingOperations.length,
      pendingStatus: ctx.pendingStatus,
      consumer: ctx.consumer,
      credential: ctx.credential,
      chunk: ctx.chunk,
      shared: shared === null ? null : { ...shared },
      plugin: plugin === null ? null : { ...plugin },
    }
  }

  restore(before: Checkpoint): void {
    const { ctx } = this
    ctx.changes = before.changes
    ctx.buffersAnswer = before.buffersAnswer
    if (ctx.serializeValues !== null) ctx.serializeValues.length = before.serializeValues
    ctx.answer = before.answer
    ctx.pendingOperations.length = before.pendingOperations
    ctx.pendingStatus = before.pendingStatus
    ctx.consumer = before.consumer
    ctx.credential = before.credential
    ctx.chunk = before.chunk
    if (ctx.shared !== null) this.sharedContext = before.shared ?? {}
    if (ctx.pluginContexts !== null) this.pluginContext = before.plugin ?? {}
    this.authenticated = false
  }
}

export type { Checkpoint }

function getOrMake(
  all: Map<string, Record<string, unknown>>,
  key: string,
): Record<string, unknown> {
  let object = all.get(key)
  if (object === undefined) all.set(key, (object = {}))
  return object
}
