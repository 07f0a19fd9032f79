import type { CallResult } from '../call-view.ts'
import { jsonStringify } from './primordials.ts'

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

/** A call is so many lines beside those of its view. */
export const CALL_HEAD_LINES = 2

/** What `Dispatcher.calls` takes; several are joined by line breaks. */
export function toCallText({ id, phase, instanceKey, view, before = '' }: GuestCall): string {
  return `${id} ${phase} ${instanceKey}\n${before}\n${view as string}`
}

/** The answer to work that failed before it began. */
export function toFailed(message: string): string {
  return `f${jsonStringify({ message, decided: false, log: [] })}`
}
