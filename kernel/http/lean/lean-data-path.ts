import type { DataPath } from '../../gateway.ts'
import type { HttpLimits } from '../limits.ts'
import { createLeanListener } from './lean-listener.ts'
import { createLeanSender } from './lean-sender.ts'
import { TimerWheel } from './timer-wheel.ts'

/**
 * Both ports over node:net, with one timer wheel for all that a worker waits for. The wheel keeps no
 * process alive, so nobody has to close it.
 */
export function createLeanDataPath(limits: HttpLimits): DataPath {
  const wheel = new TimerWheel()
  return {
    listen: (options) => createLeanListener({ ...options, limits, wheel }),
    sender: createLeanSender({ limits, wheel }),
  }
}
