import { jsonStringify } from './primordials.ts'

/** One call as it crosses into a guest. */
export interface GuestCall {
  readonly id: number
  readonly instanceKey: string
  readonly phase: string
  /** The lines of a `CallView`. */
  readonly view: unknown
}

/** What `Dispatcher.calls` takes; several are joined by line breaks. */
export function toCallText({ id, phase, instanceKey, view }: GuestCall): string {
  return `${id} ${phase} ${instanceKey}\n${view as string}`
}

/** The answer to work that failed before it began. */
export function toFailed(message: string): string {
  return `f${jsonStringify({ message, decided: false, log: [] })}`
}
