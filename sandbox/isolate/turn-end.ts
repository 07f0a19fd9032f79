import { isFailure, isFinal, payloadOf } from '@sallyport/sdk/guest'
import type { SomeAnswers } from './call-lines.ts'

/** How a turn of a guest ended. */
export interface TurnEnd {
  /**
   * `result` and `failed`: the work is over, `payload` is the guest's JSON. `waiting`: it goes on when
   * an effect is answered. The others come from outside of the guest's code, `payload` is a text:
   * `error` (the isolate can be used further), `timeout` and `memory` (it cannot).
   */
  readonly kind: 'result' | 'failed' | 'waiting' | 'error' | 'timeout' | 'memory'
  readonly payload: string
  /** With `result`: no other handler can follow in the same view. */
  readonly isFinal?: boolean
  /** With `timeout`: it was stopped without having had the CPU for it, the machine was busy. Told within a grid. */
  readonly wasStarved?: boolean
}

/**
 * How calls ended that crossed together: the text of their results, a line each; or what there is of
 * answers, at least the first; or how the turn ended for all of them. When that is the end of the isolate
 * and they were several, nobody knows which of them it was.
 */
export type CallsEnd = string | SomeAnswers | FirstEnd | TurnEnd

/** How the turn of the first call ended, which crossed alone: the others have not begun. */
export interface FirstEnd {
  readonly kind: 'first'
  readonly end: TurnEnd
}

export const WAITING: TurnEnd = { kind: 'waiting', payload: '' }

/** What the guest tells of work that failed; a plugin may have spoilt even that. */
export function failureOf(payload: string): { message: string; decided: boolean; log: unknown } {
  try {
    const { message, decided, log } = JSON.parse(payload) as Record<string, unknown>
    return { message: String(message), decided: decided === true, log: log ?? [] }
  } catch {
    return { message: 'its failure cannot be read', decided: false, log: [] }
  }
}

/** Why a turn gave no result, for people. */
export function reasonOf(end: TurnEnd): string {
  return end.kind === 'failed' ? failureOf(end.payload).message : end.payload
}

/** What an answer of the guest says. */
export function toEnd(answer: string): TurnEnd {
  if (answer === '') return WAITING
  const payload = payloadOf(answer)
  if (isFailure(answer)) return { kind: 'failed', payload }
  return { kind: 'result', payload, isFinal: isFinal(answer) }
}

/** Whether the isolate, and with it its process, is not to be used again. */
export function isBroken({ kind }: { readonly kind: string }): boolean {
  return kind === 'timeout' || kind === 'memory'
}

/**
 * How the first of `count` calls that crossed together ended, at least one of them; the others have not
 * begun. Or the end of them all, of which nobody knows whose doing it was.
 */
export function toEnds(count: number, end: CallsEnd): TurnEnd[] | TurnEnd {
  if (typeof end === 'string') return checkCount(end.split('\n'), count, false)
  if (end.kind === 'some') return checkCount(end.lines, count, end.areLeft)
  if (end.kind === 'first') return [end.end]
  return count === 1 ? [end] : end
}

/** Lines that are not those of the calls belong to nobody. */
function checkCount(lines: readonly string[], count: number, areLeft: boolean) {
  const fits = areLeft ? lines.length < count : lines.length === count
  if (fits && lines.length > 0) return lines.map(toEnd)
  const end: TurnEnd = { kind: 'error', payload: 'has answered other calls than it was given' }
  return count === 1 ? [end] : end
}
