import type { HostMessage } from '@sallyport/sdk/protocol'
import { failureOf, type TurnEnd } from '../isolate/turn-end.ts'

/** The frame that ends a piece of work. */
export function toFrame(id: number, { kind, payload }: TurnEnd): HostMessage {
  if (kind === 'result') return { name: 'result', id, payload }
  if (kind === 'failed') {
    const { log, ...failure } = failureOf(payload)
    return { name: 'failed', id, kind: 'error', ...failure, log: JSON.stringify(log) }
  }
  const failedKind = kind === 'timeout' || kind === 'memory' ? kind : 'error'
  return { name: 'failed', id, kind: failedKind, message: payload, decided: false, log: '[]' }
}

/** The end of a `follow` whose turn has not come. */
export function toSkipped(id: number): HostMessage {
  const message = 'what it follows has not left its view to others'
  return { name: 'failed', id, kind: 'skipped', message, decided: false, log: '[]' }
}
