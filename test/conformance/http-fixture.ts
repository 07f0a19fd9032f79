import { afterEach } from 'vitest'
import type {
  Exchange,
  Listener,
  ListenerOptions,
  SendTimeouts,
  UpstreamSender,
} from '../../kernel/exchange.ts'
import { createHttpLimits, type HttpLimits } from '../../kernel/http/limits.ts'
import { Relay } from './http-relay.ts'
import { RawPeer, RawUpstream } from './raw-http.ts'

/** An implementation of both ports, as the conformance suite sees it. */
export interface HttpPath {
  readonly name: string
  /** Rows of the table of refused messages that its parser repairs instead of refusing them. */
  readonly tolerates: readonly string[]
  createListener(
    options: ListenerOptions & {
      listen: { hostname: string; port: number }
      limits: HttpLimits
    },
  ): Promise<Listener>
  createSender(options: { limits: HttpLimits }): UpstreamSender
}

export interface FixtureOptions {
  readonly limits?: Partial<HttpLimits>
  readonly timeouts?: Partial<SendTimeouts>
  /** Where the relay sends to instead of the fixture's upstream. */
  readonly target?: { hostname: string; port: number; tlsName?: string }
  /** Deals with an exchange instead of the relay. */
  readonly handler?: (exchange: Exchange) => void
}

/** A client, a listener, the relay, a sender and an upstream, each on a free port. */
export class HttpFixture {
  readonly upstream = new RawUpstream()
  readonly relays: Relay[] = []
  readonly exchanges: Exchange[] = []
  readonly refusals: { status: number; reason: string; clientAddress: string }[] = []
  readonly #clients: RawPeer[] = []
  #sender!: UpstreamSender
  listener!: Listener

  static async start(path: HttpPath, options: FixtureOptions = {}): Promise<HttpFixture> {
    const fixture = new HttpFixture()
    await fixture.upstream.listen()
    const limits = createHttpLimits(options.limits)
    const sender = path.createSender({ limits })
    fixture.#sender = sender
    const to = options.target ?? { hostname: '127.0.0.1', port: fixture.upstream.port }
    const tlsName = to.tlsName ?? null
    const route = {
      sender,
      target: { ...to, scheme: tlsName === null ? ('http' as const) : ('https' as const), tlsName },
      timeouts: { connectMs: 5_000, writeMs: 5_000, readMs: 5_000, ...options.timeouts },
    }
    fixture.listener = await path.createListener({
      listen: { hostname: '127.0.0.1', port: 0 },
      limits,
      onExchange: (exchange) => {
        fixture.exchanges.push(exchange)
        if (options.handler !== undefined) {
          options.handler(exchange)
          return
        }
        const relay = new Relay(exchange)
        fixture.relays.push(relay)
        relay.run(route)
      },
      onRefused: (refusal) => fixture.refusals.push(refusal),
    })
    return fixture
  }

  async client(): Promise<RawPeer> {
    const client = await RawPeer.connect(this.listener.address.port)
    this.#clients.push(client)
    return client
  }

  /** A client that has sent this, and the upstream's end of the request that came of it. */
  async request(text: string): Promise<{ client: RawPeer; upstream: RawPeer }> {
    const client = await this.client()
    client.send(text)
    const upstream = await this.upstream.peer()
    await upstream.has('\r\n\r\n')
    return { client, upstream }
  }

  async stop(): Promise<void> {
    for (const client of this.#clients) client.destroy()
    await this.listener.close()
    await this.#sender.close()
    await this.upstream.close()
  }
}

/** Makes fixtures that are stopped after each test. */
export function useFixtures(path: HttpPath): (options?: FixtureOptions) => Promise<HttpFixture> {
  const running: HttpFixture[] = []
  afterEach(async () => {
    for (const fixture of running.splice(0)) await fixture.stop()
  })
  return async (options) => {
    const fixture = await HttpFixture.start(path, options)
    running.push(fixture)
    return fixture
  }
}

/** Resolves once the number has stopped growing. */
export async function settled(read: () => number): Promise<number> {
  let before = -1
  let same = 0
  while (same < 3) {
    await new Promise((resolve) => setTimeout(resolve, 100))
    const now = read()
    same = now === before ? same + 1 : 0
    before = now
  }
  return before
}

export const GET = 'GET /a?b=c HTTP/1.1\r\nHost: shop.test\r\n\r\n'
export const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
