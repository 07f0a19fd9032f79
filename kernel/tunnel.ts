import type { RequestContext } from './context.ts'
import type { BodySink, Tunnel } from './exchange.ts'

/**
 * Hands the client's connection over to the upstream's: bytes pass both ways untouched, with
 * back-pressure, and each side may end before the other. Resolves when both have ended, when one was
 * lost, or when nothing moved for the service's `read_timeout`.
 */
export function runTunnel(ctx: RequestContext, upstream: Tunnel): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<void>()
  const { headers } = ctx.answer!
  const client = ctx.exchange.switchProtocols({ status: 101, headers, bodyLength: 0 })
  const idleMs = ctx.matched!.service!.read_timeout
  let waysOpen = 2
  let over = false

  const finish = () => {
    if (over) return
    over = true
    ctx.stream = null
    clearTimeout(timer)
    resolve()
  }
  const cut = (reason: 'timeout' | 'upstream-aborted', detail: string) => {
    if (over) return
    finish()
    ctx.errorDetail ??= detail
    upstream.abort()
    ctx.exchange.abort(reason)
  }
  const timer = setTimeout(() => cut('timeout', `nothing moved for ${idleMs} ms`), idleMs)
  const moved = () => void timer.refresh()
  const lost = (error: Error) => cut('upstream-aborted', `the tunnel broke off: ${error.message}`)
  const ended = () => {
    if (--waysOpen === 0) finish()
  }
  ctx.stream = {
    // A tunnel has drain events of its own, one a direction.
    onDrain() {},
    onCancel() {
      upstream.abort()
      finish()
    },
  }
  client.start(new Way(client, upstream, { moved, lost, ended }))
  upstream.start(new Way(upstream, client, { moved, lost, ended }))
  return promise
}

interface WayEvents {
  moved(): void
  ended(): void
  lost(error: Error): void
}

/** One direction. */
class Way implements BodySink {
  readonly #to: Tunnel
  readonly #events: WayEvents

  constructor(from: Tunnel, to: Tunnel, events: WayEvents) {
    this.#to = to
    this.#events = events
    to.onDrain = () => {
      events.moved()
      from.resume()
    }
  }

  onData(chunk: Uint8Array): boolean {
    this.#events.moved()
    return this.#to.write(chunk)
  }

  onEnd(): void {
    this.#to.end()
    this.#events.ended()
  }

  onError(error: Error): void {
    this.#events.lost(error)
  }
}
