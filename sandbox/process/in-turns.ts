import { setImmediate as nextTurn } from 'node:timers/promises'
import type { ActiveCall } from './active-call.ts'

/** A failure takes a tenth of a millisecond, with its line of log and its answer; on slow machines three. */
const CALLS_A_TURN = 16

/**
 * Does something to many calls, a few in each turn of the event loop: to answer a thousand requests at
 * once would keep all others waiting. A call may have ended meanwhile.
 */
export async function inTurns(
  calls: readonly ActiveCall[],
  work: (active: ActiveCall) => void,
): Promise<void> {
  for (let at = 0; at < calls.length; at += CALLS_A_TURN) {
    if (at > 0) await nextTurn()
    for (const active of calls.slice(at, at + CALLS_A_TURN)) work(active)
  }
}
