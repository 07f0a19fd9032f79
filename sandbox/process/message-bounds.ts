import { type Message, ProtocolError } from '@sallyport/sdk/protocol'
import type { SandboxLimits } from '../limits.ts'

/**
 * How long the texts of a message may be. The guest library keeps to it: a child that does not is not
 * what it should be, so this throws a `ProtocolError`, which ends it.
 */
export function checkBounds(message: Message<'result' | 'failed'>, limits: SandboxLimits): void {
  const { resultBytesMax, failureLengthMax } = limits
  if (message.name === 'result') check('result', message.payload, resultBytesMax)
  else {
    check('message of a failure', message.message, failureLengthMax)
    check('log of a failure', message.log, resultBytesMax)
  }
}

function check(what: string, text: unknown, lengthMax: number): void {
  const { length } = text as string
  if (length <= lengthMax) return
  throw new ProtocolError(`a ${what} is up to ${lengthMax} characters long, this one has ${length}`)
}
