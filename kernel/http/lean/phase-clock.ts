import type { HttpLimits } from '../limits.ts'
import { TimerEntry, type TimerWheel } from './timer-wheel.ts'

/** What a connection is at, in the order in which it matters: before `linger` requests are read. */
export const Phase = {
  /** A head is expected, with a deadline: the first one, or one that has begun. */
  head: 0,
  /** Between two requests. */
  idle: 1,
  exchange: 2,
  /** The rest of a body that nobody wants is read away. */
  rest: 3,
  linger: 4,
  over: 5,
} as const
export type Phase = (typeof Phase)[keyof typeof Phase]

type DeadlineName =
  | 'headDeadlineMs'
  | 'keepAliveIdleMs'
  | 'bodyIdleMs'
  | 'answerIdleMs'
  | 'lingerMs'

/** By phase. In an exchange only silence is minded, from when somebody waits for something. */
const DEADLINES = [
  'headDeadlineMs',
  'keepAliveIdleMs',
  null,
  'bodyIdleMs',
  'lingerMs',
  null,
] as const satisfies (DeadlineName | null)[]

/** The phase of a connection and its deadline: one entry of the wheel, since one matters at a time. */
export class PhaseClock {
  phase: Phase = Phase.head
  readonly #wheel: TimerWheel
  readonly #limits: HttpLimits
  readonly #entry: TimerEntry

  constructor(wheel: TimerWheel, limits: HttpLimits, onDeadline: () => void) {
    this.#wheel = wheel
    this.#limits = limits
    this.#entry = new TimerEntry(onDeadline)
    this.enter(Phase.head)
  }

  enter(phase: Phase): void {
    this.phase = phase
    const name = DEADLINES[phase]
    // What is armed stays so: to fire in vain once is cheaper than to disarm for every request.
    if (name !== null) this.mind(name)
  }

  mind(name: DeadlineName): void {
    this.#wheel.arm(this.#entry, this.#limits[name])
  }

  stop(): void {
    this.#wheel.disarm(this.#entry)
  }
}
