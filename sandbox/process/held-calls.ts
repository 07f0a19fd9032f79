import type { ActiveCall } from './active-call.ts'
import type { ChildWatch } from './child-watch.ts'
import { Fifo } from '../fifo.ts'

export interface HeldCallsOptions {
  readonly watch: Pick<ChildWatch, 'mayBegin' | 'isScarce' | 'isPaced'>
  /** Whether there is a child that could be given a call. */
  readonly isReady: () => boolean
  readonly submit: (active: ActiveCall) => void
}

/** While others need the worker, those that may begin do so a few at a time. */
const PACE_TURN_MS = 2

/** Calls that wait, in their order, until one more may begin. */
export class HeldCalls {
  readonly #options: HeldCallsOptions
  /** With those that were forgotten, until they are at its head. */
  readonly #queue = new Fifo<ActiveCall>()
  /** How many calls wait. */
  #count = 0
  #isReleasing = false
  #timer: NodeJS.Timeout | null = null
  /** How many calls had to wait because the budget was used up. */
  throttledCount = 0

  constructor(options: HeldCallsOptions) {
    this.#options = options
  }

  /** Submits a call, now or when its turn comes: those that came before and wait are first. */
  submit(active: ActiveCall): void {
    if (active.isHeld) return
    const { watch, submit } = this.#options
    if (this.#count === 0 && watch.mayBegin()) {
      submit(active)
      return
    }
    active.isHeld = true
    this.#count++
    this.#queue.push(active)
    if (this.#isShort) this.#throttle(active)
    if (watch.isPaced) this.#paceSoon()
  }

  /** There may be some budget again, or one call less before the child. */
  release(): void {
    this.#releaseSome()
    if (this.#count === 0 || !this.#isShort) return
    for (const active of this.#queue.toArray()) if (active.isHeld) this.#throttle(active)
  }

  /** In a turn of its own: many may end at once. */
  releaseSoon(): void {
    if (this.#count === 0 || this.#isReleasing) return
    this.#isReleasing = true
    setImmediate(() => {
      this.#isReleasing = false
      this.release()
    })
  }

  forget(active: ActiveCall): void {
    if (!active.isHeld) return
    active.isHeld = false
    this.#count--
    // So that it holds no call for longer than those before it wait.
    this.#head()
  }

  clear(): void {
    for (const active of this.#queue.toArray()) active.isHeld = false
    this.#queue.clear()
    this.#count = 0
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#timer = null
  }

  /** The call whose turn is next. */
  #head(): ActiveCall | null {
    let { head } = this.#queue
    while (head !== null && !head.isHeld) {
      this.#queue.shift()
      head = this.#queue.head
    }
    return head
  }

  #releaseSome(): void {
    const { watch, isReady, submit } = this.#options
    if (this.#count === 0 || !isReady()) return
    for (let head = this.#head(); head !== null && watch.mayBegin(); head = this.#head()) {
      this.#queue.shift()
      this.#count--
      head.isHeld = false
      submit(head)
    }
    if (this.#count > 0 && watch.isPaced) this.#paceSoon()
  }

  #paceSoon(): void {
    this.#timer ??= setTimeout(() => {
      this.#timer = null
      this.#releaseSome()
    }, PACE_TURN_MS)
  }

  /** Whether who waits does so for the tenant's budget. */
  get #isShort(): boolean {
    const { watch } = this.#options
    return watch.isScarce || watch.isPaced
  }

  #throttle(active: ActiveCall): void {
    if (active.isThrottled) return
    active.isThrottled = true
    this.throttledCount++
  }
}
