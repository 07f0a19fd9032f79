/**
 * All the time-outs of a worker's connections in one place: a wheel of slots, one interval, and
 * entries that their owners embed, so that arming costs no allocation and re-arming usually two
 * stores. An entry fires between its delay and two ticks later, never earlier.
 *
 * One firing of the interval is one tick, however late it comes: an event loop that was held up does
 * not make silent clients of those whose bytes it had no time to read.
 */
export class TimerWheel {
  readonly #tickMs: number
  readonly #slots: TimerEntry[] = []
  /** Ticks since the wheel was made. */
  #now = 0
  #armed = 0
  #interval: NodeJS.Timeout | null = null
  #closed = false
  readonly #onTick = () => this.#tick()

  constructor(tickMs = 50) {
    this.#tickMs = tickMs
    for (let i = 0; i < SLOTS; i++) {
      const head = new TimerEntry(nothing)
      head.previous = head.next = head
      this.#slots.push(head)
    }
  }

  /** The time by its ticks, which stand still while nothing is armed. */
  get nowMs(): number {
    return this.#now * this.#tickMs
  }

  /** Sets or sets anew when the entry fires. */
  arm(entry: TimerEntry, delayMs: number): void {
    if (this.#closed) return
    const dueTick = this.#now + Math.ceil(delayMs / this.#tickMs) + 1
    entry.dueTick = dueTick
    if (entry.next !== null) {
      // Its slot is looked at no later than it is due: it moves on from there.
      if (entry.slotTick <= dueTick) return
      this.#unlink(entry)
    }
    this.#link(entry, dueTick)
    if (this.#interval === null) {
      this.#interval = setInterval(this.#onTick, this.#tickMs)
      this.#interval.unref()
    }
  }

  /** Does nothing when it is not armed. */
  disarm(entry: TimerEntry): void {
    if (entry.next !== null) this.#unlink(entry)
  }

  /** Nothing fires any more. */
  close(): void {
    this.#closed = true
    if (this.#interval !== null) clearInterval(this.#interval)
    this.#interval = null
  }

  #tick(): void {
    const now = ++this.#now
    const head = this.#slots[now & MASK]!
    // Each one leaves the slot: nothing is ever put into the slot of the present tick. What fires may
    // arm and disarm as it likes.
    for (let entry = head.next!; entry !== head; entry = head.next!) {
      this.#unlink(entry)
      if (entry.dueTick <= now) entry.onTimeout()
      else this.#link(entry, entry.dueTick)
    }
    if (this.#armed === 0 && this.#interval !== null) {
      clearInterval(this.#interval)
      this.#interval = null
    }
  }

  /** Entries further away than the wheel is round are looked at, and moved on, once a round. */
  #link(entry: TimerEntry, dueTick: number): void {
    const slotTick = Math.min(dueTick, this.#now + SLOTS - 1)
    const head = this.#slots[slotTick & MASK]!
    entry.slotTick = slotTick
    entry.previous = head.previous
    entry.next = head
    head.previous!.next = entry
    head.previous = entry
    this.#armed++
  }

  #unlink(entry: TimerEntry): void {
    entry.previous!.next = entry.next
    entry.next!.previous = entry.previous
    entry.previous = entry.next = null
    this.#armed--
  }
}

/** A time-out of its owner; armed on one wheel at a time. The fields belong to the wheel. */
export class TimerEntry {
  readonly onTimeout: () => void
  dueTick = 0
  slotTick = 0
  previous: TimerEntry | null = null
  next: TimerEntry | null = null

  constructor(onTimeout: () => void) {
    this.onTimeout = onTimeout
  }

  get armed(): boolean {
    return this.next !== null
  }
}

/** A power of two: 1,024 ticks of 50 ms are 51 s. */
const SLOTS = 1024
const MASK = SLOTS - 1

function nothing(): void {}
