import type { CallResult } from '../call-view.ts'
import { jsonStringify, slice } from './primordials.ts'

/** One call as it crosses into a guest. */
export interface GuestCall {
  readonly id: number
  readonly instanceKey: string
  readonly phase: string
  /** The lines of a `CallView`. */
  readonly view: unknown
  /** What makes this view out of one of another call, as JSON (`Before`); without it is as it stands. */
  readonly before?: string
}

/** Results of the handlers before, in their order, and the call's own `ctx.plugin`. */
export interface Before {
  readonly results: readonly CallResult[]
  readonly plugin: Readonly<Record<string, unknown>>
}

/*
 * The answers to calls are a line each: JSON of a result, which a space before it makes one after which
 * no other handler follows in the same view; JSON of a failure behind an `f`; or nothing, when the call
 * waits. `LEFT` as the last line says that the other calls have not begun.
 */
export const FINAL_MARK = ' '
export const FAILED_MARK = 'f'
export const LEFT = '+'

export function isFailure(answer: string): boolean {
  return answer[0] === FAILED_MARK
}

/** Whether this result leaves its view to nobody. */
export function isFinal(answer: string): boolean {
  return answer[0] === FINAL_MARK
}

/** The JSON of an answer. */
export function payloadOf(answer: string): string {
  return isFailure(answer) || isFinal(answer) ? slice(answer, 1) : answer
}

/**
 * What `Dispatcher.calls` takes; several are joined by line breaks. A call is its head, a line of what is to
 * be made of its view, which may be empty, and the lines of the view. The head tells the length of what
 * follows it, so that nobody has to look for the end.
 */
export function toCallText({ id, phase, instanceKey, view, before = '' }: GuestCall): string {
  const { length } = view as string
  return `${id} ${before.length + 1 + length} ${phase} ${instanceKey}\n${before}\n${view as string}`
}

/** The answer to work that failed before it began. */
export function toFailed(message: string): string {
  return `${FAILED_MARK}${jsonStringify({ message, decided: false, log: [] })}`
}
