/** How many places of what has left are kept before the list is made anew. */
const SPARE_MAX = 64

/**
 * First in, first out. An array and no `Set` or `Map`: a table of V8 that was outgrown points to the one
 * that took its place, and still holds what was in it. Once one such table is old, all that come after it
 * become old with it, with every call that was in them when they were outgrown: collections of young
 * objects took 10 ms instead of 0.3 (measured, with 64 requests of a tenant at a time).
 */
export class Fifo<T> {
  #items: (T | undefined)[] = []
  #first = 0

  get length(): number {
    return this.#items.length - this.#first
  }

  get head(): T | null {
    return this.#items[this.#first] ?? null
  }

  push(item: T): void {
    this.#items.push(item)
  }

  /** Takes the head away. */
  shift(): void {
    this.#items[this.#first++] = undefined
    if (this.#first < SPARE_MAX && this.#first < this.#items.length) return
    this.#items = this.#items.slice(this.#first)
    this.#first = 0
  }

  clear(): void {
    this.#items = []
    this.#first = 0
  }

  toArray(): T[] {
    return this.#items.slice(this.#first) as T[]
  }
}
