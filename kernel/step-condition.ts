import type { Step } from './chain.ts'
import type { RequestContext } from './context.ts'
import type { Environment } from './environment.ts'
import type { Test } from './expressions/compile-tree.ts'
import { compileExpression } from './expressions/expression.ts'
import { RequestFacts } from './expressions/request-facts.ts'
import { toRouterRequest } from './router-request.ts'
import { RegexInputError } from './safe-regex.ts'

/** The `condition` of a plugin instance, compiled. */
export interface StepCondition {
  readonly text: string
  readonly holds: Test
}

/** What the conditions of one request said: each is asked once, when the first step needs it. */
export interface ConditionResults {
  readonly facts: RequestFacts
  /** By instance key. */
  readonly known: Map<string, boolean>
}

/** Throws an `ExpressionError` for a text that a configuration would not have let through. */
export function toStepCondition(text: string | null): StepCondition | null {
  const expression = compileExpression(text)
  return text === null || expression === null ? null : { text, holds: expression.holds }
}

/**
 * Whether the instance of a step runs in this request. A condition that cannot be evaluated lets it
 * run: a plugin that protects something must not vanish because of a mistake.
 */
export function holdsCondition(ctx: RequestContext, step: Step, environment: Environment): boolean {
  if (step.condition === null) return true
  ctx.conditions ??= { facts: new RequestFacts(toRouterRequest(ctx)), known: new Map() }
  const { facts, known } = ctx.conditions
  let holds = known.get(step.instanceKey)
  if (holds === undefined) {
    try {
      holds = step.condition.holds(facts)
    } catch (error) {
      holds = true
      const place = { plugin: step.pluginName, instance: step.instanceId, request_id: ctx.id }
      const text = 'a condition could not be evaluated: the plugin runs'
      // Too long for a pattern is the client's doing: no fault of ours, and no stack for each request.
      if (error instanceof RegexInputError) {
        environment.log.warn({ ...place, reason: error.message }, text)
      } else environment.log.error({ ...place, err: error }, text)
    }
    known.set(step.instanceKey, holds)
  }
  return holds
}
