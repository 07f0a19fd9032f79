import { HOST_FAILURES, HostFailure, type Phase, PHASES } from '@sallyport/sdk'
import { nowMs } from './clock.ts'
import type { Step } from './chain.ts'
import type { RequestContext } from './context.ts'
import type { Environment } from './environment.ts'
import { type Checkpoint, PluginCall } from './plugin-call.ts'
import { holdsCondition } from './step-condition.ts'
import type { StepOutcome } from './trace.ts'

/** Thrown out of `bodyFilter`: what was not filtered must not reach the client. */
export class FilterFailure extends Error {
  override readonly name = 'FilterFailure'
}

/** More plugins of one tenant behind one another than anybody means; each is a frame that waits. */
const FOLLOWERS_MAX = 32

/** Phases that end with the first answer: whoever answers decides, the rest is not asked. */
const ENDS_WITH_ANSWER: ReadonlySet<Phase> = new Set<Phase>(['rewrite', 'access', 'beforeProxy'])

/**
 * The one phase runner: calls the handlers of a phase in the order of the chain, each isolated from
 * the others. Returns nothing when every handler ended at once. Only `bodyFilter` throws
 * (`FilterFailure`); in every other phase a failure becomes an answer or a count.
 */
export function runPhase(
  ctx: RequestContext,
  phase: Phase,
  environment: Environment,
): void | Promise<void> {
  const steps = ctx.chain.in(phase)
  if (steps.length === 0) return
  return new PhaseRun(ctx, phase, environment, steps).run()
}

class PhaseRun {
  readonly #ctx: RequestContext
  readonly #phase: Phase
  readonly #environment: Environment
  readonly #endsWithAnswer: boolean
  #steps: readonly Step[]
  #next = 0
  /** `response` handlers see an answer from the start; one that exits or fails puts a new one. */
  #stopped = false
  /** Calls of the next steps, which their host knows already. */
  #followers: PluginCall[] = []

  constructor(ctx: RequestContext, phase: Phase, environment: Environment, steps: readonly Step[]) {
    this.#ctx = ctx
    this.#phase = phase
    this.#environment = environment
    this.#steps = steps
    this.#endsWithAnswer = ENDS_WITH_ANSWER.has(phase)
  }

  run(): void | Promise<void> {
    while (this.#next < this.#steps.length && !this.#isOver()) {
      const step = this.#steps[this.#next++]!
      const pending = this.#runStep(step)
      if (pending !== undefined) return pending.then(() => this.run())
    }
    this.#dropFollowers()
  }

  /** The call of a step: the one that was announced with the step before, or a new one. */
  #callOf(step: Step): PluginCall {
    const announced = this.#followers[0]?.step === step ? this.#followers.shift()! : null
    if (announced === null) {
      this.#dropFollowers()
      if (step.host.takesFollowers === true) this.#followers = this.#findFollowers(step)
    }
    const call = announced ?? this.#newCall(step)
    if (this.#followers.length > 0) call.followers = this.#followers.slice()
    return call
  }

  /** The steps right after this one that run in the same sandbox, whatever happens before them. */
  #findFollowers({ host, onError }: Step): PluginCall[] {
    const calls: PluginCall[] = []
    // What is refused here its sandbox may have taken for good: who has followed it would run twice.
    if (onError === 'skip') return calls
    for (let i = this.#next; i < this.#steps.length && calls.length < FOLLOWERS_MAX; i++) {
      const step = this.#steps[i]!
      if (step.host !== host || step.condition !== null) break
      calls.push(this.#newCall(step))
      if (step.onError === 'skip') break
    }
    return calls
  }

  #dropFollowers(): void {
    for (const call of this.#followers.splice(0)) {
      call.over = true
      call.step.host.drop?.(call)
    }
  }

  #newCall(step: Step): PluginCall {
    return new PluginCall(this.#ctx, step, this.#phase, this.#environment)
  }

  #isOver(): boolean {
    if (this.#stopped) return true
    if (!this.#endsWithAnswer) return false
    return this.#ctx.answer !== null || this.#ctx.exchange.cancelled
  }

  #runStep(step: Step): void | Promise<void> {
    if (step.condition !== null && !holdsCondition(this.#ctx, step, this.#environment)) {
      this.#ctx.trace?.onStepStart(this.#phase, step)
      this.#note(step, 'not run', `its condition is false: ${step.condition.text}`)
      return
    }
    const call = this.#callOf(step)
    call.pendingBefore = this.#ctx.pendingOperations.length
    // A handler that failed under `skip` leaves no half-made changes behind; under `fail` the answer
    // is replaced as a whole.
    const before = step.onError === 'skip' ? call.checkpoint() : null
    this.#ctx.trace?.onStepStart(this.#phase, step)
    step.meter.calls++
    let pending: void | Promise<void>
    try {
      pending = step.host.call(call)
    } catch (error) {
      this.#failed(call, error, before)
      return
    }
    if (pending === undefined) {
      this.#ended(call)
      return
    }
    const sinceMs = nowMs()
    return pending.then(
      () => {
        step.meter.waitedMs += nowMs() - sinceMs
        this.#ended(call)
      },
      (error: unknown) => {
        step.meter.waitedMs += nowMs() - sinceMs
        this.#failed(call, error, before)
      },
    )
  }

  #ended(call: PluginCall): void {
    call.over = true
    this.#note(call.step, call.exited ? 'exited' : 'ran', null)
    if (call.exited && this.#phase === 'response') this.#stopped = true
    if (call.authenticated && this.#phase === 'access') this.#followConsumer(call.step)
  }

  /** Steps whose place in the order has not come yet are resolved anew for the consumer. */
  #followConsumer(lastRun: Step): void {
    this.#dropFollowers()
    const ctx = this.#ctx
    const chain = ctx.snapshot.chains.chainAfter(
      ctx.chain,
      {
        routeId: ctx.matched?.route.id ?? null,
        serviceId: ctx.matched?.service?.id ?? null,
        consumerId: ctx.consumer?.view.id ?? null,
        groupIds: ctx.consumer?.groupIds ?? [],
      },
      lastRun,
    )
    if (chain === ctx.chain) return
    ctx.chain = chain
    this.#steps = chain.in('access')
    this.#next = this.#steps.indexOf(lastRun) + 1
  }

  #failed(call: PluginCall, error: unknown, before: Checkpoint | null): void {
    call.over = true
    // Its changes are undone or no part of the request any more: who follows must not have seen them.
    this.#dropFollowers()
    const { step } = call
    const failure = this.#hideSecrets(toHostFailure(error))
    step.meter.onFailure(failure)
    this.#report(step, failure, error)
    // Skipping never undoes a decision: a handler that had already answered was not a bystander.
    const decided = call.exited || failure.decided
    if (before !== null && !decided) {
      call.restore(before)
      this.#note(step, 'skipped', failure.message)
      return
    }
    this.#note(step, 'failed', failure.message)
    this.#ctx.pendingOperations.length = call.pendingBefore
    const detail = `plugin ${step.pluginName} failed in ${this.#phase}: ${failure.message}`
    switch (PHASES[this.#phase].failure) {
      case 'refuse':
      case 'replace':
        this.#ctx.fail(
          HOST_FAILURES[failure.kind].status === 500 ? 'PLUGIN_ERROR' : 'PLUGIN_UNAVAILABLE',
          detail,
        )
        if (this.#phase === 'response') this.#stopped = true
        break
      case 'abort':
        throw new FilterFailure(detail)
      case 'count':
        break
    }
  }

  /** What a plugin throws reaches trace and access log; a secret that it was given does not. */
  #hideSecrets(failure: HostFailure): HostFailure {
    const message = this.#environment.effects.vault.hide(failure.message)
    if (message === failure.message) return failure
    return new HostFailure(failure.kind, message, failure.decided)
  }

  #report(step: Step, failure: HostFailure, error: unknown): void {
    this.#environment.log.error(
      {
        plugin: step.pluginName,
        tenant: step.tenant,
        instance: step.instanceId,
        phase: this.#phase,
        kind: failure.kind,
        request_id: this.#ctx.id,
        err: error,
      },
      'plugin failed',
    )
  }

  #note(step: Step, outcome: StepOutcome, detail: string | null): void {
    this.#ctx.trace?.onStepEnd(this.#phase, step, outcome, detail)
  }
}

function toHostFailure(error: unknown): HostFailure {
  if (error instanceof HostFailure) return error
  let message = 'the handler threw something that is not an Error'
  if (error instanceof Error) message = error.message
  return new HostFailure('error', message)
}
