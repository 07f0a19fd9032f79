/**
 * Values by a number, that come and go with every call. An object and no `Map`, for the reason that
 * `Fifo` has: what V8 keeps of such an object leaves no trail.
 */
export class IdTable<V extends object> {
  readonly #byId = Object.create(null) as Record<number, V>
  #size = 0

  get size(): number {
    return this.#size
  }

  get(id: number): V | undefined {
    return this.#byId[id]
  }

  has(id: number): boolean {
    return this.#byId[id] !== undefined
  }

  set(id: number, value: V): void {
    if (!this.has(id)) this.#size++
    this.#byId[id] = value
  }

  delete(id: number): boolean {
    if (!this.has(id)) return false
    delete this.#byId[id]
    this.#size--
    return true
  }

  values(): V[] {
    return Object.values(this.#byId)
  }
}
