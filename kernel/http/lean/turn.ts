import { type HeadMemory, HeadWriter } from './head-writer.ts'

/** What is left to do when everything that has arrived was looked at. */
export interface TurnTask {
  onTurnEnd(): void
}

/**
 * One turn of a worker's event loop, for all its connections. Requests and answers that were made
 * from what one turn brought are written at its end, together: a write wakes who reads it, and a
 * reader that finds one message after the other is woken once (measured on loopback: 18 % of the CPU
 * of a request). Nobody waits for it who would not wait anyway: a turn ends when there is nothing
 * more to read.
 *
 * Heads and small bodies are put together in the memory of the turn, which is used anew when they
 * are written, so that in the long run a message allocates no memory for its bytes.
 */
export class Turn implements HeadMemory {
  memory = Buffer.allocUnsafeSlow(MEMORY_BYTES)
  used = 0
  readonly heads = new HeadWriter(this)
  /** The large chunk that was written last, when the system took all of it: no socket holds it. */
  taken: Uint8Array | null = null

  #tasks: TurnTask[] = []
  #done: TurnTask[] = []
  /** Some socket still holds a part of the memory. */
  #lent = false
  #ending = false
  #scheduled = false
  readonly #onImmediate = () => {
    this.#scheduled = false
    this.end()
  }

  /** To be done at the end of the turn, in this order. */
  add(task: TurnTask): void {
    this.#tasks.push(task)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#onImmediate)
  }

  /**
   * When the memory is full the turn ends early, which bounds how much is written together. To be
   * called before a message is begun.
   */
  reserve(bytes: number): void {
    if (this.memory.length - this.used >= bytes) return
    if (!this.#ending) this.end()
    if (this.memory.length - this.used < bytes) this.#replace(bytes)
  }

  move(from: number, to: number, bytes: number): void {
    const { memory } = this
    this.#replace(to - from + bytes)
    memory.copy(this.memory, 0, from, to)
  }

  /** A socket has not taken all that it was given: that memory is its own from now on. */
  lend(): void {
    this.#lent = true
  }

  end(): void {
    if (this.#ending) return
    this.#ending = true
    // What a task adds is done as well.
    while (this.#tasks.length > 0) {
      const tasks = this.#tasks
      this.#tasks = this.#done
      for (const task of tasks) task.onTurnEnd()
      tasks.length = 0
      this.#done = tasks
    }
    this.#ending = false
    if (this.#lent || this.memory.length !== MEMORY_BYTES) this.#replace(0)
    this.used = 0
  }

  /** Who still uses the old memory keeps it. */
  #replace(bytes: number): void {
    this.memory = Buffer.allocUnsafeSlow(Math.max(MEMORY_BYTES, bytes))
    this.used = 0
    this.#lent = false
  }
}

/** Some hundred heads: more than one turn brings, unless the loop was held up. */
const MEMORY_BYTES = 128 * 1024
