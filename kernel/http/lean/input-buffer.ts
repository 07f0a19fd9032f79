/**
 * Bytes that arrived and were not consumed. What arrives while there is nothing is taken as it is,
 * without a copy; what arrives while something waits is put behind it. Bytes are never moved within
 * a buffer, so views of what was consumed stay good.
 */
export class InputBuffer {
  bytes: Buffer = NOTHING
  start = 0
  end = 0

  get length(): number {
    return this.end - this.start
  }

  push(chunk: Buffer): void {
    if (this.start === this.end) {
      this.bytes = chunk
      this.start = 0
      this.end = chunk.length
      return
    }
    const length = this.end - this.start + chunk.length
    // A buffer as it arrived is full; one of our own may have room.
    if (this.end + chunk.length > this.bytes.length) {
      const larger = Buffer.allocUnsafeSlow(length * 2)
      larger.set(this.bytes.subarray(this.start, this.end))
      this.bytes = larger
      this.end -= this.start
      this.start = 0
    }
    this.bytes.set(chunk, this.end)
    this.end += chunk.length
  }

  /** Everything before this index is done with. */
  consumeTo(index: number): void {
    this.start = index
    if (index === this.end) this.clear()
  }

  /** An idle connection keeps no buffer. */
  clear(): void {
    this.bytes = NOTHING
    this.start = this.end = 0
  }
}

const NOTHING = Buffer.alloc(0)
