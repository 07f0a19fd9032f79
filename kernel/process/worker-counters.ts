import { type Counters, CounterTable } from '../counters.ts'
import { type BucketForm, TokenBuckets } from '../token-buckets.ts'
import type { CountItem } from './worker-channel.ts'

/** How long an answer of the primary is waited for. The way there and back takes 0.1 ms. */
const ANSWER_MS = 1000
/** What a primary that does not answer may leave waiting here; what is over is not sent to it. */
const WAITING_MAX = 10_000

interface Waiting {
  readonly item: CountItem
  readonly local: number
  resolve(total: number): void
}

/**
 * A worker's way to the counters of its node. Additions of one tick travel as one message, and one
 * message is under way at a time: what is added meanwhile goes with the next.
 *
 * Error bound: a primary that has not answered for one second is late, and until it answers again
 * additions are answered at once from what this worker itself has added. Such a total is at least
 * this worker's share and at most the node's total; with N workers that are used evenly it is 1/N of
 * it. The additions themselves are not lost (but beyond 10,000 that wait): the primary counts them
 * when it is back.
 */
export class WorkerCounters implements Counters {
  readonly #send: (batch: number, items: CountItem[]) => void
  readonly #answerMs: number
  readonly #table = new CounterTable()
  readonly #buckets = new TokenBuckets()
  #batch = 0
  #waiting: Waiting[] = []
  #underWay: Waiting[] | null = null
  #timer: NodeJS.Timeout | null = null
  #scheduled = false
  #late = false

  constructor(send: (batch: number, items: CountItem[]) => void, answerMs = ANSWER_MS) {
    this.#send = send
    this.#answerMs = answerMs
  }

  /** Whether the primary owes an answer for too long. */
  get late(): boolean {
    return this.#late
  }

  async add(key: string, amount: number, windowMs: number): Promise<number> {
    const local = this.#table.add(key, amount, windowMs)
    return await this.#ask([key, amount, windowMs], local)
  }

  async spend(key: string, amount: number, { size, fillMs }: BucketForm): Promise<number> {
    const local = this.#buckets.spend(key, amount, { size, fillMs })
    return await this.#ask([key, amount, fillMs, size], local)
  }

  /** The primary's answer. One that comes late still frees the way for the next batch. */
  onCounted(batch: number, totals: readonly number[]): void {
    if (batch !== this.#batch || this.#underWay === null) return
    for (const [at, waiting] of this.#underWay.entries()) {
      waiting.resolve(totals[at] ?? waiting.local)
    }
    this.#underWay = null
    this.#late = false
    if (this.#timer !== null) clearTimeout(this.#timer)
    if (this.#waiting.length > 0) this.#schedule()
  }

  /** The channel is gone: whatever waits is answered from here. */
  close(): void {
    this.#becomeLate()
  }

  #ask(item: CountItem, local: number): Promise<number> {
    return new Promise<number>((resolve) => {
      if (this.#waiting.length === WAITING_MAX) return resolve(local)
      this.#waiting.push({ item, local, resolve })
      if (this.#late) resolve(local)
      this.#schedule()
    })
  }

  #schedule(): void {
    if (this.#scheduled || this.#underWay !== null) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#flush()
    })
  }

  #flush(): void {
    if (this.#underWay !== null || this.#waiting.length === 0) return
    this.#underWay = this.#waiting
    this.#waiting = []
    this.#batch += 1
    this.#timer = setTimeout(() => this.#becomeLate(), this.#answerMs)
    this.#timer.unref()
    const items = this.#underWay.map((waiting) => waiting.item)
    this.#send(this.#batch, items)
  }

  #becomeLate(): void {
    this.#late = true
    for (const waiting of this.#underWay ?? []) waiting.resolve(waiting.local)
    for (const waiting of this.#waiting) waiting.resolve(waiting.local)
  }
}
