import { describe, expect, test } from 'vitest'
import { GET, type HttpPath, OK, settled, useFixtures } from './http-fixture.ts'
import { describeHttpEnds } from './http-path-ends.ts'
import { describeHttpRefusals } from './http-path-refusals.ts'

/** What every implementation of the HTTP path does, whatever stands behind the ports. */
export function describeHttpPath(path: HttpPath): void {
  describe(`HTTP path over ${path.name}`, () => {
    describeMessages(path)
    describeBodies(path)
    describeHttpEnds(path)
    describeHttpRefusals(path)
  })
}

function describeMessages(path: HttpPath): void {
  const start = useFixtures(path)

  test('a GET reaches the upstream as it was sent and its answer comes back', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(GET)
    expect(upstream.received).toMatch(/^GET \/a\?b=c HTTP\/1\.1\r\n/)
    expect(upstream.received).toMatch(/\r\nhost: shop\.test\r\n/i)
    expect(upstream.received).not.toMatch(/content-length|transfer-encoding/i)
    upstream.send(OK)
    await client.has('\r\n\r\nok')
    expect(client.received).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(client.received).toMatch(/\r\ncontent-length: 2\r\n/i)
    expect(client.received.match(/\r\ndate: /gi)).toHaveLength(1)
    await expect.poll(() => fixture.relays[0]!.events).toEqual(['finish'])
  })

  test('an exchange knows its connection, its target, its authority and its bytes', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(GET)
    const exchange = fixture.exchanges[0]!
    expect(exchange.connection.clientAddress).toBe('127.0.0.1')
    expect(exchange.connection.localPort).toBe(fixture.listener.address.port)
    expect(exchange.connection.clientPort).toBeGreaterThan(0)
    expect(exchange.target).toBe('/a?b=c')
    expect(exchange.authority).toBe('shop.test')
    expect(exchange.httpVersion).toBe('1.1')
    expect(exchange.body).toBe(null)
    upstream.send(OK)
    await client.has('\r\n\r\nok')
    await expect.poll(() => fixture.relays[0]!.events).toEqual(['finish'])
    expect(exchange.bytesReceived).toBe(GET.length)
    expect(exchange.bytesSent).toBe(client.bytes)
    // The second exchange of a connection counts its own bytes only.
    client.received = ''
    const before = client.bytes
    client.send(GET)
    await upstream.until((peer) => peer.received.split('\r\n\r\n').length === 3)
    upstream.send(OK)
    await client.has('\r\n\r\nok')
    await expect.poll(() => fixture.relays[1]!.events).toEqual(['finish'])
    expect(fixture.exchanges[1]!.bytesReceived).toBe(GET.length)
    expect(fixture.exchanges[1]!.bytesSent).toBe(client.bytes - before)
    expect(exchange.bytesReceived).toBe(GET.length)
  })

  test('header names, their order, repeated names and latin1 values are kept both ways', async () => {
    const fixture = await start()
    const odd =
      'X-One: 1\r\nx_under: a_b\r\nX-oNE: 2\r\nCookie: a=1\r\nCookie: b=2\r\nX-Latin: caf\xe9\r\n'
    const { client, upstream } = await fixture.request(
      `GET / HTTP/1.1\r\nHost: shop.test\r\n${odd}\r\n`,
    )
    expect(upstream.received).toContain(odd)
    const back =
      'Set-Cookie: a=1\r\nX-b: 1\r\nset-cookie: b=2\r\nX-B: 2\r\nX-Latin: na\xefve\r\n' +
      'Content-Disposition: attachment; filename="\xfc.txt"\r\n'
    upstream.send(`HTTP/1.1 200 OK\r\n${back}Content-Length: 2\r\n\r\nok`)
    await client.has('\r\n\r\nok')
    expect(client.received).toContain(back)
  })

  test('a Date of the upstream is the only one', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(GET)
    upstream.send(
      'HTTP/1.1 200 OK\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT\r\nContent-Length: 0\r\n\r\n',
    )
    await client.has('\r\n\r\n')
    expect(client.received.match(/\r\nDate: .*/g)).toEqual([
      '\r\nDate: Tue, 15 Nov 1994 08:12:31 GMT',
    ])
  })

  test('a target in absolute form becomes one in origin form', async () => {
    const fixture = await start()
    const { upstream } = await fixture.request(
      'GET http://Shop.test:80?x=1 HTTP/1.1\r\nHost: shop.test\r\n\r\n',
    )
    expect(upstream.received).toMatch(/^GET \/\?x=1 HTTP\/1\.1\r\n/)
  })

  test('an answer to HEAD keeps its Content-Length and has no body', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request('HEAD / HTTP/1.1\r\nHost: shop.test\r\n\r\n')
    upstream.send('HTTP/1.1 200 OK\r\nContent-Length: 1234\r\n\r\n')
    await client.has('\r\n\r\n')
    expect(client.received).toMatch(/\r\ncontent-length: 1234\r\n/i)
    client.send(GET)
    await fixture.upstream.peer(0)
    await expect.poll(() => fixture.exchanges.length).toBe(2)
    const next = fixture.upstream.peers.at(-1)!
    await next.has('GET /a')
    next.send(OK)
    await client.has('\r\n\r\nok')
    expect(client.statuses).toEqual([200, 200])
    expect(client.received).toMatch(/\r\n\r\nHTTP\/1\.1 200/)
  })

  test.each([
    [204, '', undefined],
    [304, 'Content-Length: 77\r\n', '77'],
    [304, '', undefined],
  ])(
    'an answer %i (%j) has no body and leaves the connection usable',
    async (status, extra, length) => {
      const fixture = await start()
      const { client, upstream } = await fixture.request(GET)
      upstream.send(`HTTP/1.1 ${status} X\r\nX-A: 1\r\n${extra}\r\n`)
      await client.has('\r\n\r\n')
      expect(/\r\ncontent-length: (.*)\r\n/i.exec(client.received)?.[1]).toBe(length)
      expect(client.received).not.toMatch(/transfer-encoding/i)
      client.send(GET)
      await expect.poll(() => fixture.exchanges.length).toBe(2)
      const next = fixture.upstream.peers.at(-1)!
      await next.until((peer) => peer.received.endsWith(GET.slice(-4)))
      next.send(OK)
      await client.has('\r\n\r\nok')
      expect(client.received).toMatch(/\r\n\r\nHTTP\/1\.1 200/)
    },
  )

  test('an HTTP/1.0 client gets an answer that ends with the connection, without chunks', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request('GET / HTTP/1.0\r\nTE: chunked\r\n\r\n')
    expect(fixture.exchanges[0]!.authority).toBe(null)
    upstream.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n')
    await client.over()
    expect(client.received).not.toMatch(/transfer-encoding/i)
    expect(client.received).toMatch(/\r\nconnection: close\r\n/i)
    expect(client.received).toMatch(/\r\n\r\nok$/)
  })

  test('connections are kept and used again on both sides', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(GET)
    for (let i = 1; i <= 3; i++) {
      if (i > 1) client.send(GET)
      await upstream.until((peer) => peer.received.split('\r\n\r\n').length === i + 1)
      upstream.send(OK)
      await client.until((peer) => peer.statuses.length === i && peer.received.endsWith('ok'))
    }
    expect(fixture.upstream.peers).toHaveLength(1)
  })

  test('pipelined requests are answered in their order', async () => {
    const seen: string[] = []
    const fixture = await start({
      handler: (exchange) => {
        seen.push(exchange.target)
        const answer = () => {
          exchange.sendHead({ status: 200, headers: [], bodyLength: 2 })
          exchange.end(Buffer.from(exchange.target))
        }
        if (exchange.target === '/1') setTimeout(answer, 50)
        else answer()
      },
    })
    const client = await fixture.client()
    client.send('GET /1 HTTP/1.1\r\nHost: a\r\n\r\nGET /2 HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.until((peer) => peer.received.includes('/1') && peer.received.includes('/2'))
    expect(client.received.indexOf('/1')).toBeLessThan(client.received.indexOf('/2'))
    expect(seen).toEqual(['/1', '/2'])
  })

  test('informational answers are passed on before the answer', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(GET)
    upstream.send('HTTP/1.1 103 Early Hints\r\nLink: </a.css>; rel=preload\r\n\r\n')
    await client.has('103')
    expect(client.received).toContain('Link: </a.css>; rel=preload\r\n\r\n')
    upstream.send(OK)
    await client.has('\r\n\r\nok')
    expect(client.statuses).toEqual([103, 200])
  })

  test('an upgrade is not offered: the request is a plain one', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(
      'GET /ws HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n',
    )
    expect(upstream.received).not.toMatch(/\r\nupgrade:/i)
    upstream.send(OK)
    await client.has('\r\n\r\nok')
    client.send(GET)
    await upstream.has('GET /a')
    upstream.send(OK)
    await client.until((peer) => peer.statuses.length === 2)
  })
}

function describeBodies(path: HttpPath): void {
  const start = useFixtures(path)

  test('a body of known length keeps its length', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello',
    )
    await upstream.has('hello')
    expect(upstream.received).toMatch(/\r\ncontent-length: 5\r\n/i)
    expect(upstream.received).not.toMatch(/transfer-encoding/i)
    upstream.send(OK)
    await client.has('\r\n\r\nok')
  })

  test('a chunked body goes on in chunks', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(
      'POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
    )
    await upstream.has('hello')
    client.send('1\r\n!\r\n0\r\n\r\n')
    await upstream.until((peer) => peer.received.endsWith('0\r\n\r\n'))
    expect(upstream.received).toMatch(/\r\ntransfer-encoding: chunked\r\n/i)
    upstream.send(OK)
    await client.has('\r\n\r\nok')
  })

  test('an answer arrives as it comes: the head before the body, chunk by chunk', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(GET)
    upstream.send('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n')
    await client.has('\r\n\r\n')
    upstream.send('3\r\none\r\n')
    await client.has('one')
    upstream.send('3\r\ntwo\r\n')
    await client.has('two')
    upstream.send('0\r\n\r\n')
    await client.until((peer) => peer.received.endsWith('0\r\n\r\n'))
  })

  test('an answer that ends with its connection becomes a chunked one', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(GET)
    upstream.send('HTTP/1.1 200 OK\r\n\r\nabc')
    await client.has('abc')
    upstream.socket.end()
    await client.until((peer) => peer.received.endsWith('0\r\n\r\n'))
    expect(client.received).toMatch(/\r\ntransfer-encoding: chunked\r\n/i)
  })

  test('trailers of an answer are passed on, but none that would reframe it', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(GET)
    upstream.send(
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n' +
        'X-Sum: 7\r\nHost: b\r\nTransfer-Encoding: chunked\r\n\r\n',
    )
    await client.has('X-Sum')
    expect(client.received).toMatch(/\r\n0\r\nX-Sum: 7\r\n\r\n$/)
  })

  test('100 Continue is sent when somebody wants the body, not before', async () => {
    let want = () => {}
    const fixture = await start({
      handler: (exchange) => {
        want = () =>
          exchange.body!.start({
            onData: () => true,
            onEnd: () => {
              exchange.sendHead({ status: 200, headers: [], bodyLength: 0 })
              exchange.end()
            },
            onError: () => {},
          })
      },
    })
    const client = await fixture.client()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n')
    await expect.poll(() => fixture.exchanges.length).toBe(1)
    expect(fixture.exchanges[0]!.headers.join()).not.toMatch(/expect/i)
    expect(client.received).toBe('')
    want()
    await client.has('HTTP/1.1 100 Continue\r\n\r\n')
    client.send('hi')
    await client.until((peer) => peer.statuses.length === 2)
    expect(client.statuses).toEqual([100, 200])
  })

  test('an answer instead of 100 Continue ends the connection', async () => {
    const fixture = await start({
      handler: (exchange) => {
        exchange.sendHead({ status: 403, headers: [], bodyLength: 0 })
        exchange.end()
      },
    })
    const client = await fixture.client()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 2\r\n\r\n')
    await client.over()
    expect(client.statuses).toEqual([403])
    expect(client.received).toMatch(/\r\nconnection: close\r\n/i)
  })

  test('an early answer arrives while the request body is still on its way', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(
      'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\nfirst',
    )
    await upstream.has('first')
    upstream.send('HTTP/1.1 413 Too Large\r\nContent-Length: 2\r\n\r\nno')
    await client.has('\r\n\r\nno')
    await client.over()
    expect(client.reset).toBe(false)
  })

  test('an unread body that is small is read away and the connection stays', async () => {
    const fixture = await start({
      handler: (exchange) => {
        exchange.sendHead({ status: 401, headers: [], bodyLength: 0 })
        exchange.end()
      },
    })
    const client = await fixture.client()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n01234')
    await client.has('\r\n\r\n')
    client.send(`56789${GET}`)
    await client.until((peer) => peer.statuses.length === 2)
  })

  test('an unread body that is large ends the connection, after the client has its answer', async () => {
    const fixture = await start({
      limits: { unreadBodyBytesMax: 1_000 },
      handler: (exchange) => {
        exchange.sendHead({ status: 401, headers: [], bodyLength: 4 })
        exchange.end(Buffer.from('body'))
      },
    })
    const client = await fixture.client()
    client.send('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n')
    client.send(Buffer.alloc(500_000))
    await client.over()
    expect(client.received).toMatch(/connection: close/i)
    expect(client.received).toMatch(/\r\n\r\nbody$/)
    client.send(GET)
    expect(fixture.exchanges).toHaveLength(1)
  })

  const LARGE = 128 * 1024 * 1024
  // What the system's socket buffers hold on two hops, and what streams may.
  const HELD_MAX = 48 * 1024 * 1024

  test('a large answer to a slow reader is held back at the upstream', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(GET)
    client.countOnly()
    client.socket.pause()
    let written = 0
    const chunk = Buffer.alloc(256 * 1024, 'x')
    const pump = () => {
      while (written < LARGE) {
        written += chunk.length
        if (!upstream.socket.write(chunk)) return
      }
    }
    upstream.socket.on('drain', pump)
    upstream.send(`HTTP/1.1 200 OK\r\nContent-Length: ${LARGE}\r\n\r\n`)
    pump()
    const held = (await settled(() => written)) - client.bytes
    expect(held).toBeLessThan(HELD_MAX)
    client.socket.resume()
    await client.until((peer) => peer.bytes > LARGE)
    await expect.poll(() => fixture.relays[0]!.events).toEqual(['finish'])
  })

  test('a large upload to a slow upstream is held back at the client', async () => {
    const fixture = await start({ timeouts: { writeMs: 60_000 } })
    const client = await fixture.client()
    let written = 0
    const chunk = Buffer.alloc(256 * 1024, 'x')
    const pump = () => {
      while (written < LARGE) {
        written += chunk.length
        if (!client.socket.write(chunk)) return
      }
    }
    client.socket.on('drain', pump)
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${LARGE}\r\n\r\n`)
    const upstream = await fixture.upstream.peer()
    upstream.countOnly()
    upstream.socket.pause()
    pump()
    const held = (await settled(() => written)) - upstream.bytes
    expect(held).toBeLessThan(HELD_MAX)
    upstream.socket.resume()
    await upstream.until((peer) => peer.bytes > LARGE)
    upstream.send(OK)
    await client.has('\r\n\r\nok')
  })
}
