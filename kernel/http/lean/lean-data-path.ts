import type { DataPath } from '../../gateway.ts'
import type { HttpLimits } from '../limits.ts'
import { createLeanListener } from './lean-listener.ts'
import { createLeanSender } from './lean-sender.ts'
import { TimerWheel } from './timer-wheel.ts'
import { Turn } from './turn.ts'

/**
 * Both ports over node:net, with one timer wheel for all that a worker waits for, and one end of the
 * turn for all that it writes. Neither keeps a process alive, so nobody has to close them.
 */
export function createLeanDataPath(limits: HttpLimits): DataPath {
  const wheel = new TimerWheel()
  const turn = new Turn()
  return {
    listen: (options) => createLeanListener({ ...options, limits, wheel, turn }),
    sender: createLeanSender({ limits, wheel, turn }),
  }
}
