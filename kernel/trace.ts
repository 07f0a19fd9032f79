import { nowMs } from './clock.ts'
import type { Phase } from '@sallyport/sdk'
import type { Step } from './chain.ts'
import type { PickedTarget } from './balancer/balancer.ts'

/** How a step ended; `not run` is one whose condition is false in this request. */
export type StepOutcome = 'ran' | 'exited' | 'failed' | 'skipped' | 'not run'

/** One step, one try, or a span of a plugin's own, as the trace of a request tells it. Times are milliseconds. */
export interface Span {
  readonly kind: 'step' | 'try' | 'plugin'
  /** The plugin's name, or the target. */
  readonly name: string
  readonly instanceId: string | null
  readonly phase: Phase | null
  readonly startedAtMs: number
  readonly durationMs: number
  readonly outcome: string
  /** Why it failed or did not run. */
  readonly detail: string | null
}

/** Told of the start and the end of every step and try of a request. */
export interface SpanObserver {
  onStepStart(phase: Phase, step: Step): void
  onStepEnd(phase: Phase, step: Step, outcome: StepOutcome, detail: string | null): void
  onTryStart(target: PickedTarget): void
  onTryEnd(target: PickedTarget, failure: string | null): void
}

/** A request has few steps; one that loops over tries for ever must not fill the memory. */
const SPANS_MAX = 1_000

/** What a summary says behind the time, where that is not the outcome itself. */
const OUTCOME_WORDS: Readonly<Record<string, string>> = {
  ran: '',
  answered: '',
  'not run': ' not run (its condition is false)',
}

/** Collects the spans of one request: the answer to "what happened to this request, and how long?" */
export class Trace implements SpanObserver {
  readonly spans: Span[] = []
  #startedAtMs = 0

  onStepStart(_phase: Phase, _step: Step): void {
    this.#startedAtMs = nowMs()
  }

  onStepEnd(phase: Phase, step: Step, outcome: StepOutcome, detail: string | null): void {
    this.#add({
      kind: 'step',
      name: step.pluginName,
      instanceId: step.instanceId,
      phase,
      outcome,
      detail,
    })
  }

  onTryStart(_target: PickedTarget): void {
    this.#startedAtMs = nowMs()
  }

  onTryEnd(target: PickedTarget, failure: string | null): void {
    this.#add({
      kind: 'try',
      name: `${target.hostname}:${target.port}`,
      instanceId: null,
      phase: null,
      outcome: failure === null ? 'answered' : 'failed',
      detail: failure,
    })
  }

  /** A span that a plugin has measured itself. */
  addPluginSpan(
    step: Step,
    span: { name: string; phase: Phase; durationMs: number; detail: string | null },
  ): void {
    if (this.spans.length >= SPANS_MAX) return
    const { name, phase, durationMs, detail } = span
    this.spans.push({
      kind: 'plugin',
      name: `${step.pluginName}/${name}`,
      instanceId: step.instanceId,
      phase,
      startedAtMs: nowMs() - durationMs,
      durationMs,
      outcome: 'ran',
      detail,
    })
  }

  /** Like `key-auth#access 0.1ms, hello#headerFilter 0.3ms failed`, for a debug header. */
  summary(): string {
    return this.spans
      .map(({ name, phase, durationMs, outcome }) => {
        const what = phase === null ? `try:${name}` : `${name}#${phase}`
        const how = OUTCOME_WORDS[outcome] ?? ` ${outcome}`
        return `${what} ${durationMs.toFixed(2)}ms${how}`
      })
      .join(', ')
  }

  #add(span: Omit<Span, 'startedAtMs' | 'durationMs'>): void {
    if (this.spans.length >= SPANS_MAX) return
    const startedAtMs = this.#startedAtMs
    this.spans.push({ ...span, startedAtMs, durationMs: nowMs() - startedAtMs })
  }
}
