import { setImmediate as turn } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import type { BodySink, Exchange, Tunnel } from '../../../../kernel/exchange.ts'
import { createLeanListener } from '../../../../kernel/http/lean/lean-listener.ts'
import { createUndiciSender } from '../../../../kernel/http/undici-sender.ts'
import { GET, useFixtures } from '../../../conformance/http-fixture.ts'

const start = useFixtures({
  name: 'the lean listener',
  tolerates: [],
  createListener: createLeanListener,
  createSender: createUndiciSender,
})

/** Answers with what it got, so that a difference in the request is one in the answer. */
function echo(exchange: Exchange): void {
  const answer = (body: string) => {
    const bytes = Buffer.from(`${exchange.method} ${exchange.target} ${body}`)
    exchange.sendHead({ status: 200, headers: ['Date', 'now'], bodyLength: bytes.length })
    exchange.end(bytes)
  }
  const { body } = exchange
  if (body === null) return answer('')
  let received = ''
  body.start({
    onData: (chunk) => {
      received += Buffer.from(chunk).toString('latin1')
      return true
    },
    onEnd: (trailers) => answer(`${received} ${trailers?.join() ?? '-'}`),
    onError: (error) => {
      exchange.sendHead({ status: 400, headers: ['Date', 'now'], bodyLength: -1 })
      exchange.end(Buffer.from(error.message))
    },
  })
}

const CLOSE = 'GET /end HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n'
const chunked = (body: string) =>
  `POST /c HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n${body}`

describe('gives the same answers wherever the bytes are cut:', () => {
  test.each([
    ['a GET', CLOSE],
    ['empty lines before a request', `\r\n\r\n${CLOSE}`],
    [
      'a body of known length',
      `POST /l HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello${CLOSE}`,
    ],
    ['chunks', chunked(`3\r\none\r\nB;x="y"\r\n\r\n0\r\n\r\nthree\r\n0\r\nX-S: 1\r\n\r\n${CLOSE}`)],
    ['pipelined requests', `${GET}${GET}HEAD /h HTTP/1.1\r\nHost: a\r\n\r\n${CLOSE}`],
    ['an HTTP/1.0 request', 'GET /old HTTP/1.0\r\nX: y\r\n\r\n'],
    ['no Host', `${GET}GET / HTTP/1.1\r\nX: y\r\n\r\n${GET}`],
    ['a folded line', 'GET / HTTP/1.1\r\nHost: a\r\nX: y\r\n z\r\n\r\n'],
    ['a bare LF', `${GET}GET / HTTP/1.1\r\nHost: a\nX: y\r\n\r\n`],
    [
      'both framings',
      'POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n0',
    ],
    ['a broken chunk', chunked('3\r\nabcd\r\n0\r\n\r\n')],
  ])('%s', async (_name, bytes) => {
    const fixture = await start({ handler: echo })
    const answersTo = async (pieces: string[]) => {
      const client = await fixture.client()
      client.socket.setNoDelay(true)
      for (const piece of pieces) {
        client.send(piece)
        // The other end is in this process: it has read the piece when this one had its turns.
        for (let i = 0; i < 3; i++) await turn()
      }
      await client.over()
      client.destroy()
      return client.received.replace(/Date: .*GMT/g, 'Date: now')
    }
    const whole = await answersTo([bytes])
    expect(whole).not.toBe('')
    for (let cut = 1; cut < bytes.length; cut++) {
      const pieces = [bytes.slice(0, cut), bytes.slice(cut)]
      expect(await answersTo(pieces), `cut at ${cut}`).toBe(whole)
    }
    expect(await answersTo(bytes.split(''))).toBe(whole)
  })
})

test('pipelined requests come one at a time, in order, and reading stops meanwhile', async () => {
  const waiting: Exchange[] = []
  const fixture = await start({ handler: (exchange) => waiting.push(exchange) })
  const client = await fixture.client()
  const count = 20_000
  const requests = Array.from({ length: count }, (_, i) => GET.replace('/a', `/${i}`)).join('')
  client.send(requests)
  await expect.poll(() => waiting.length).toBe(1)
  let answered = 0
  while (answered < count) {
    const exchange = waiting.shift()
    if (exchange === undefined) {
      await turn()
      continue
    }
    expect(exchange.target).toBe(`/${answered++}?b=c`)
    exchange.sendHead({ status: 204, headers: [], bodyLength: 0 })
    exchange.end()
    expect(waiting.length).toBeLessThan(2)
  }
  await client.until((peer) => peer.statuses.length === count)
})

test('a handler that answers at once is called for thousands of requests in one read', async () => {
  const fixture = await start({ handler: echo })
  const client = await fixture.client()
  client.send(GET.repeat(5_000))
  await client.until((peer) => peer.statuses.length === 5_000)
})

test('a head that drips in is refused at its deadline, however it moves', async () => {
  const fixture = await start({ limits: { headDeadlineMs: 300 }, handler: echo })
  const fresh = await fixture.client()
  const kept = await fixture.client()
  kept.send(GET)
  await kept.has('GET /a')
  const timer = setInterval(() => {
    for (const client of [fresh, kept]) client.send('X')
  }, 20)
  await Promise.all([fresh.over(), kept.over()])
  clearInterval(timer)
  expect(fresh.statuses).toEqual([408])
  expect(kept.statuses).toEqual([200, 408])
})

test('the deadline of a head that began during an answer begins with the end of the answer', async () => {
  let finish = () => {}
  const fixture = await start({
    limits: { headDeadlineMs: 300 },
    handler: (exchange) => {
      finish = () => echo(exchange)
    },
  })
  const client = await fixture.client()
  client.send(`${GET}GET /`)
  await expect.poll(() => fixture.exchanges.length).toBe(1)
  finish()
  await client.over()
  expect(client.statuses).toEqual([200, 408])
})

test('connections over the limits are turned away, and counted down when they end', async () => {
  const limited = { limits: { clientConnectionsMax: 2 }, handler: echo }
  const fixture = await start(limited)
  const [one, two] = [await fixture.client(), await fixture.client()]
  const three = await fixture.client()
  await three.over()
  expect(three.statuses).toEqual([503])
  expect(fixture.refusals).toMatchObject([{ status: 503, clientAddress: '127.0.0.1' }])
  one.destroy()
  await one.until((peer) => peer.closed)
  await turn()
  const four = await fixture.client()
  for (const client of [two, four]) {
    client.send(GET)
    await client.has('GET /a')
  }
})

test('a connection ends after as many requests as the limit says, and says so', async () => {
  const fixture = await start({ limits: { connectionRequestsMax: 2 }, handler: echo })
  const client = await fixture.client()
  client.send(GET.repeat(3))
  await client.over()
  expect(client.statuses).toEqual([200, 200])
  expect(client.received.match(/Connection: close/g)).toHaveLength(1)
})

test('a body over bodyBytesMax is refused when it is announced and cut when it is not', async () => {
  const fixture = await start({ limits: { bodyBytesMax: 4 }, handler: echo })
  const client = await fixture.client()
  client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n')
  await client.over()
  expect(client.statuses).toEqual([413])
  expect(fixture.exchanges).toHaveLength(0)
  const other = await fixture.client()
  other.send(chunked('3\r\nabc\r\n2\r\nde\r\n0\r\n\r\n'))
  await other.over()
  expect(other.statuses).toEqual([400])
  expect(fixture.refusals.map((refusal) => refusal.status)).toEqual([413, 413])
})

test.each([1_000, 1_000_000])(
  'who reads a body of %i bytes when the answer is over is told that no more comes',
  async (length) => {
    const ends: string[] = []
    const sink: BodySink = {
      onData: () => true,
      onEnd: () => void ends.push('end'),
      onError: (error) => void ends.push(error.message),
    }
    const fixture = await start({
      handler: (exchange) => {
        if (exchange.target === '/early') exchange.body!.start(sink)
        exchange.sendHead({ status: 200, headers: [], bodyLength: 0 })
        exchange.end()
        if (exchange.target === '/late') exchange.body!.start(sink)
      },
    })
    for (const target of ['/early', '/late']) {
      const client = await fixture.client()
      client.send(`POST ${target} HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\npart`)
      await client.has('\r\n\r\n')
    }
    expect(ends).toEqual(Array(2).fill('the request body ended early: plugin'))
  },
)

test('an HTTP/1.0 connection is kept when the client asks for it', async () => {
  const fixture = await start({ handler: echo })
  const client = await fixture.client()
  const request = 'GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n'
  client.send(request)
  await client.has('GET / ')
  expect(client.received).toMatch(/\r\nConnection: keep-alive\r\n/)
  client.send(request)
  await client.until((peer) => peer.statuses.length === 2)
})

test('an answer with a header that is none throws and leaves the answer open', async () => {
  const fixture = await start({
    handler: (exchange) => {
      const headers = ['X-A', 'a\r\nSet-Cookie: evil=1']
      expect(() => exchange.sendHead({ status: 200, headers, bodyLength: 0 })).toThrow(TypeError)
      exchange.sendHead({ status: 500, headers: [], bodyLength: 0 })
      exchange.end()
    },
  })
  const client = await fixture.client()
  client.send(GET)
  await client.has('\r\n\r\n')
  expect(client.statuses).toEqual([500])
  expect(client.received).not.toContain('evil')
})

test('small pieces of one turn share a packet', async () => {
  const fixture = await start({
    handler: (exchange) => {
      exchange.sendHead({ status: 200, headers: [], bodyLength: -1 })
      exchange.write(Buffer.from('a'))
      exchange.write(Buffer.from('b'))
      exchange.end()
    },
  })
  const client = await fixture.client()
  let packets = 0
  client.socket.on('data', () => packets++)
  client.send(GET)
  await client.has('0\r\n\r\n')
  expect(client.received).toMatch(/\r\n\r\n1\r\na\r\n1\r\nb\r\n0\r\n\r\n$/)
  expect(packets).toBe(1)
})

test('answers to pipelined requests share a packet, and each is whole', async () => {
  const fixture = await start({ handler: echo })
  const client = await fixture.client()
  let packets = 0
  client.socket.on('data', () => packets++)
  client.send(GET.repeat(20))
  await client.until((peer) => peer.statuses.length === 20)
  expect(client.received.match(/GET \/a\?b=c /g)).toHaveLength(20)
  expect(packets).toBeLessThan(5)
})

test('an answer that waits for the end of the turn is sent although the next one is cut', async () => {
  let requests = 0
  const fixture = await start({
    handler: (exchange) => (++requests === 1 ? echo(exchange) : exchange.abort('plugin')),
  })
  const client = await fixture.client()
  client.send(GET.repeat(2))
  await client.over()
  expect(client.statuses).toEqual([200])
  expect(client.received).toContain('GET /a?b=c ')
})

test('heads and bodies of any size go out whole, also many in one turn', async () => {
  const sizes = [0, 1, 2_000, 2_047, 2_048, 9_000, 30_000, 140_000]
  const fixture = await start({
    handler: (exchange) => {
      const [head = 0, body = 0] = exchange.target.slice(1).split('.').map(Number)
      const headers = ['X-Filler', 'h'.repeat(head)]
      exchange.sendHead({ status: 200, headers, bodyLength: body })
      exchange.end(Buffer.alloc(body, 'b'))
    },
  })
  const pairs = sizes.flatMap((head) => sizes.map((body) => [head, body] as const))
  const client = await fixture.client()
  client.send(
    pairs.map(([head, body]) => `GET /${head}.${body} HTTP/1.1\r\nHost: a\r\n\r\n`).join(''),
  )
  await client.until((peer) => peer.statuses.length === pairs.length)
  const total = pairs.reduce((sum, [, body]) => sum + body, 0)
  await client.until((peer) => peer.received.split('\r\n\r\n').at(-1)!.length === sizes.at(-1))
  const bodies = client.received.split(/HTTP\/1\.1 200 OK/).slice(1)
  for (const [at, [head, body]] of pairs.entries()) {
    const [lines = '', rest = ''] = bodies[at]!.split('\r\n\r\n')
    expect(/X-Filler: (h*)/.exec(lines)![1]).toHaveLength(head)
    expect(rest).toBe('b'.repeat(body))
  }
  expect(bodies.reduce((sum, text) => sum + text.split('\r\n\r\n')[1]!.length, 0)).toBe(total)
})

describe('after an upgrade', () => {
  const UPGRADE = 'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n'

  /** What the handler of an upgraded exchange saw. */
  class End implements BodySink {
    tunnel!: Tunnel
    received = ''
    bytes = 0
    events: string[] = []
    takes = true
    onData(chunk: Uint8Array): boolean {
      this.bytes += chunk.length
      if (this.bytes < 1_000_000) this.received += Buffer.from(chunk).toString('latin1')
      return this.takes
    }
    onEnd(): void {
      this.events.push('end')
    }
    onError(): void {
      this.events.push('error')
    }
  }

  async function upgraded(after = '') {
    const end = new End()
    const fixture = await start({
      handler: (exchange) => {
        exchange.observer = {
          onDrain: () => {},
          onFinish: () => end.events.push('finish'),
          onCancel: (reason) => end.events.push(`cancel:${reason}`),
        }
        end.tunnel = exchange.switchProtocols({
          status: 101,
          headers: ['Sec-X', 'y', 'Connection', 'close', 'Content-Length', '3'],
          bodyLength: 0,
        })
      },
    })
    const client = await fixture.client()
    client.send(UPGRADE + after)
    await client.has('\r\n\r\n')
    return { fixture, client, end }
  }

  const bytes = Buffer.from(Array.from({ length: 70_000 }, (_, i) => (i * 7) % 256))

  test('every byte goes both ways as it is, also those sent with the request', async () => {
    const { client, end } = await upgraded('GET / nonsense\n\0')
    expect(client.received).toBe(
      'HTTP/1.1 101 Switching Protocols\r\nSec-X: y\r\nConnection: Upgrade\r\nUpgrade: chat\r\n\r\n',
    )
    end.tunnel.start(end)
    client.send(bytes)
    end.tunnel.write(bytes)
    const all = bytes.toString('latin1')
    await client.until((peer) => peer.received.endsWith(`\r\n\r\n${all}`))
    await expect.poll(() => end.received === `GET / nonsense\n\0${all}`).toBe(true)
  })

  test('either side may end before the other', async () => {
    for (const first of ['client', 'server']) {
      const { client, end } = await upgraded()
      end.tunnel.start(end)
      if (first === 'client') {
        client.socket.end()
        await expect.poll(() => end.events).toEqual(['end'])
        end.tunnel.write(Buffer.from('late'))
        end.tunnel.end()
        await client.has('late')
      } else {
        end.tunnel.end()
        await client.over()
        client.send('late')
        client.socket.end()
      }
      await expect.poll(() => end.events).toEqual(['end', 'finish'])
      if (first === 'server') expect(end.received).toBe('late')
    }
  })

  test('a side that does not take what comes stops the other', async () => {
    const { client, end } = await upgraded()
    end.takes = false
    end.tunnel.start(end)
    const chunk = Buffer.alloc(1024 * 1024, 'x')
    for (let i = 0; i < 32; i++) client.send(chunk)
    await new Promise((resolve) => setTimeout(resolve, 100))
    expect(end.bytes).toBeLessThan(chunk.length)
    end.takes = true
    end.tunnel.resume()
    await expect.poll(() => end.bytes, { timeout: 20_000 }).toBe(32 * chunk.length)
    client.socket.pause()
    while (end.tunnel.write(chunk));
    const drained = new Promise<void>((resolve) => {
      end.tunnel.onDrain = resolve
    })
    client.socket.resume()
    await drained
  })

  test('a client that is lost is told as a loss', async () => {
    const { client, end } = await upgraded()
    end.tunnel.start(end)
    client.socket.resetAndDestroy()
    await expect.poll(() => end.events).toEqual(['error', 'cancel:client-aborted'])
  })

  test('a client that asked for none gets none', async () => {
    const fixture = await start({
      handler: (exchange) => {
        expect(() => exchange.switchProtocols({ status: 101, headers: [], bodyLength: 0 })).toThrow(
          /asked for no upgrade/,
        )
        echo(exchange)
      },
    })
    const client = await fixture.client()
    client.send(GET)
    await client.has('GET /a')
  })

  test('an upgrade that is not granted leaves an HTTP connection', async () => {
    const fixture = await start({ handler: echo })
    const client = await fixture.client()
    client.send(UPGRADE + GET)
    await client.until((peer) => peer.statuses.length === 2)
    expect(client.statuses).toEqual([200, 200])
  })
})
