import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

/** A socket without a system behind it: what the other side sends is pushed, what it gets is kept. */
export class MemorySocket extends Duplex {
  readonly remoteAddress = '127.0.0.1'
  readonly remotePort = 50_000
  readonly localAddress = '127.0.0.1'
  readonly localPort = 8_000
  /** latin1. */
  sent = ''

  constructor() {
    super({ allowHalfOpen: true })
  }

  receive(bytes: string): void {
    if (!this.destroyed) this.push(Buffer.from(bytes, 'latin1'))
  }

  /** Final statuses only. */
  get statuses(): number[] {
    return [...this.sent.matchAll(/HTTP\/1\.1 ([2-9]\d\d) /g)].map((match) => Number(match[1]))
  }

  asSocket(): Socket {
    return this as unknown as Socket
  }

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, callback: () => void): void {
    this.sent += chunk.toString('latin1')
    callback()
  }

  setTimeout(): this {
    return this
  }

  setNoDelay(): this {
    return this
  }

  setKeepAlive(): this {
    return this
  }

  resetAndDestroy(): this {
    return this.destroy()
  }

  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }
}

/** Resolves when everything that was pushed has been dealt with, as far as that needs no time. */
export async function settle(): Promise<void> {
  for (let turn = 0; turn < 6; turn++) await new Promise((resolve) => setImmediate(resolve))
}
