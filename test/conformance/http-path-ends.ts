import { createServer as createTlsServer } from 'node:tls'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { expect, test } from 'vitest'
import { UpstreamFailure } from '../../kernel/exchange.ts'
import { GET, type HttpPath, OK, useFixtures } from './http-fixture.ts'

const POST = 'POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100\r\n\r\npart'

/** How exchanges end other than well, on either side, and how a listener ends. */
export function describeHttpEnds(path: HttpPath): void {
  describeClientEnds(path)
  describeUpstreamEnds(path)
  describeTimeouts(path)
  describeDrain(path)
}

function describeClientEnds(path: HttpPath): void {
  const start = useFixtures(path)

  test('a client that hangs up while it waits frees the upstream connection', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(GET)
    client.destroy()
    await upstream.over()
    expect(fixture.relays[0]!.events).toEqual(['cancel:client-aborted'])
    expect(fixture.exchanges[0]!.cancelled).toBe(true)
    expect(fixture.exchanges[0]!.bytesReceived).toBe(GET.length)
  })

  test('a client that hangs up in the middle of its answer frees the upstream connection', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(GET)
    upstream.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart')
    await client.has('part')
    client.destroy()
    await upstream.over()
    expect(fixture.relays[0]!.events).toEqual(['cancel:client-aborted'])
  })

  test('a client that hangs up in the middle of its upload frees the upstream connection', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(POST)
    await upstream.has('part')
    client.destroy()
    await upstream.over()
    expect(fixture.relays[0]!.events).toEqual(['cancel:client-aborted'])
  })

  test('a client that leaves between two requests disturbs nobody', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(GET)
    upstream.send(OK)
    await client.has('\r\n\r\nok')
    client.destroy()
    const other = await fixture.client()
    other.send(GET)
    await upstream.until((peer) => peer.received.split('\r\n\r\n').length === 3)
    upstream.send(OK)
    await other.has('\r\n\r\nok')
    expect(fixture.relays[0]!.events).toEqual(['finish'])
    expect(fixture.upstream.peers).toHaveLength(1)
  })

  test.each([
    ['of announced length', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', 10],
    ['in chunks', 'GET / HTTP/1.1\r\nHost: a\r\n\r\n', -1],
    ['that ends with the connection', 'GET / HTTP/1.0\r\n\r\n', -1],
  ])('an aborted answer %s can be told from a whole one', async (_name, request, bodyLength) => {
    let abort = () => {}
    const fixture = await start({
      handler: (exchange) => {
        exchange.sendHead({ status: 200, headers: [], bodyLength })
        exchange.write(Buffer.from('part'))
        abort = () => exchange.abort('upstream-aborted')
      },
    })
    const client = await fixture.client()
    client.send(request)
    await client.has('part')
    abort()
    await client.until((peer) => peer.closed || peer.ended)
    expect(client.received).not.toMatch(/0\r\n\r\n$/)
    if (request.includes('1.0')) expect(client.reset).toBe(true)
    expect(fixture.exchanges[0]!.cancelled).toBe(true)
  })

  test('an answer shorter than announced is cut, one that is longer is refused', async () => {
    const errors: unknown[] = []
    const fixture = await start({
      handler: (exchange) => {
        exchange.sendHead({ status: 200, headers: [], bodyLength: 4 })
        try {
          exchange.write(Buffer.from('too long'))
        } catch (error) {
          errors.push(error)
        }
        exchange.end(Buffer.from('ab'))
      },
    })
    const client = await fixture.client()
    client.send(GET)
    await client.over()
    expect(String(errors[0])).toMatch(/4 bytes more than were announced/)
    expect(client.received).not.toContain('too long')
    client.send(GET)
    expect(fixture.exchanges).toHaveLength(1)
  })

  test('headers by which a handler would frame its answer are ignored', async () => {
    const fixture = await start({
      handler: (exchange) => {
        const headers = [
          ...['Content-Length', '99', 'Transfer-Encoding', 'chunked', 'Connection', 'x-a'],
          ...['Keep-Alive', 'timeout=1', 'Proxy-Connection', 'close', 'X-A', '1'],
        ]
        exchange.sendHead({ status: 200, headers, bodyLength: 2 })
        exchange.end(Buffer.from('ok'))
      },
    })
    const client = await fixture.client()
    client.send(GET)
    await client.has('\r\n\r\nok')
    expect(client.received).toMatch(/\r\nx-a: 1\r\n/i)
    expect(client.received.match(/content-length: .*/gi)).toEqual([
      expect.stringMatching(/^content-length: 2$/i),
    ])
    expect(client.received).not.toMatch(/transfer-encoding|connection: x-a|proxy-|timeout=1\r/i)
  })
}

function describeUpstreamEnds(path: HttpPath): void {
  const start = useFixtures(path)

  test.each([
    ['without a word', ''],
    ['in the middle of the head', 'HTTP/1.1 200 OK\r\nContent-Le'],
  ])('an upstream that closes %s is a failure of kind closed', async (_name, bytes) => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(GET)
    upstream.send(bytes)
    upstream.socket.end()
    await client.has('\r\n\r\n')
    expect(client.statuses).toEqual([502])
    expect(client.received).toMatch(/X-Kind: closed\r\nX-Sent: true/)
  })

  test('an upstream that resets the connection is a failure of kind closed', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(GET)
    upstream.socket.resetAndDestroy()
    await client.has('\r\n\r\n')
    expect(client.received).toMatch(/X-Kind: closed\r\nX-Sent: true/)
  })

  test('a kept connection that the upstream closed meanwhile is a failure that was sent', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(GET)
    upstream.send(OK)
    await client.has('\r\n\r\nok')
    client.send(GET)
    await upstream.until((peer) => peer.received.split('\r\n\r\n').length === 3)
    upstream.socket.resetAndDestroy()
    await client.has('X-Kind')
    expect(client.received).toMatch(/X-Kind: closed\r\nX-Sent: true/)
    // The next request gets a connection of its own.
    client.send(GET)
    const next = await fixture.upstream.peer(1)
    await next.has('\r\n\r\n')
    next.send(OK)
    await client.until((peer) => peer.statuses.length === 3)
    expect(client.statuses).toEqual([200, 502, 200])
  })

  test.each([
    ['an announced length', 'Content-Length: 100\r\n\r\npart'],
    ['chunks', 'Transfer-Encoding: chunked\r\n\r\n4\r\npart\r\n'],
    ['a length, keep-alive refused', 'Connection: close\r\nContent-Length: 100\r\n\r\npart'],
  ])('an answer with %s that is cut reaches the client as a cut one', async (_name, rest) => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(GET)
    upstream.send(`HTTP/1.1 200 OK\r\n${rest}`)
    await client.has('part')
    upstream.socket.end()
    await client.over()
    expect(client.received).not.toMatch(/0\r\n\r\n$/)
    const { failure } = fixture.relays[0]!
    expect(failure).toBeInstanceOf(UpstreamFailure)
    expect((failure as UpstreamFailure).kind).toBe('closed')
  })

  test.each([
    ['no HTTP', 'SSH-2.0-OpenSSH\r\n\r\n'],
    [
      'both framings',
      'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n',
    ],
    ['two lengths', 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nabc'],
    ['a length that is no number', 'HTTP/1.1 200 OK\r\nContent-Length: 2x\r\n\r\nab'],
    [
      'an upgrade nobody asked for',
      'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n',
    ],
    ['too many headers', `HTTP/1.1 200 OK\r\n${'X-A: b\r\n'.repeat(129)}Content-Length: 0\r\n\r\n`],
    [
      'too large headers',
      `HTTP/1.1 200 OK\r\nX-A: ${'b'.repeat(40_000)}\r\nContent-Length: 0\r\n\r\n`,
    ],
  ])('an answer with %s is a bad answer', async (_name, bytes) => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(GET)
    upstream.send(bytes)
    await client.has('\r\n\r\n')
    expect(client.statuses).toEqual([502])
    expect(client.received).toMatch(/X-Kind: bad-answer\r\nX-Sent: true/)
    await upstream.over()
  })

  test('bytes after an answer are not the answer to the next request', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(GET)
    upstream.send(`${OK}HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil`)
    await client.has('\r\n\r\nok')
    await upstream.over()
    client.send(GET)
    const next = await fixture.upstream.peer(1)
    await next.has('\r\n\r\n')
    next.send(OK)
    await client.until((peer) => peer.statuses.length === 2)
    expect(client.received).not.toContain('evil')
  })

  test('a port where nobody listens is connect-refused, and the body is untouched', async () => {
    const probe = createServer().listen(0, '127.0.0.1')
    await once(probe, 'listening')
    const { port } = probe.address() as AddressInfo
    probe.close()
    await once(probe, 'close')
    const fixture = await start({ target: { hostname: '127.0.0.1', port } })
    const client = await fixture.client()
    client.send(POST)
    await client.has('\r\n\r\n')
    expect(client.statuses).toEqual([502])
    expect(client.received).toMatch(/X-Kind: connect-refused\r\nX-Sent: false/)
    expect(fixture.exchanges[0]!.body!.started).toBe(false)
  })

  test('a hostname that does not resolve is name-resolution', async () => {
    const fixture = await start({ target: { hostname: 'no-such-host.invalid', port: 80 } })
    const client = await fixture.client()
    client.send(GET)
    await client.has('\r\n\r\n')
    expect(client.received).toMatch(/X-Kind: name-resolution\r\nX-Sent: false/)
  })

  test('an upstream that speaks no TLS, or leaves in the handshake, is tls', async () => {
    const deaf = createServer((socket) => socket.end('HTTP/1.1 400 Bad Request\r\n\r\n'))
    deaf.listen(0, '127.0.0.1')
    await once(deaf, 'listening')
    const bare = createTlsServer({}).on('tlsClientError', () => {})
    bare.listen(0, '127.0.0.1')
    await once(bare, 'listening')
    for (const server of [deaf, bare]) {
      const { port } = server.address() as AddressInfo
      const fixture = await start({ target: { hostname: '127.0.0.1', port, tlsName: 'a.test' } })
      const client = await fixture.client()
      client.send(GET)
      await client.has('\r\n\r\n')
      expect(client.received).toMatch(/X-Kind: tls\r\nX-Sent: false/)
      server.close()
    }
  })
}

function describeTimeouts(path: HttpPath): void {
  const start = useFixtures(path)

  test('an upstream that says nothing is a read time-out', async () => {
    const fixture = await start({ timeouts: { readMs: 200 } })
    const { client, upstream } = await fixture.request(GET)
    await client.has('\r\n\r\n')
    expect(client.statuses).toEqual([504])
    expect(client.received).toMatch(/X-Kind: read-timeout\r\nX-Sent: true/)
    await upstream.over()
  })

  test('the time for the answer begins when the upload is over', async () => {
    const fixture = await start({ timeouts: { readMs: 300 } })
    const { client, upstream } = await fixture.request(POST)
    await upstream.has('part')
    // Longer than readMs, and not the upstream's doing.
    await new Promise((resolve) => setTimeout(resolve, 700))
    expect(client.received).toBe('')
    client.send('x'.repeat(96))
    await client.has('\r\n\r\n')
    expect(client.received).toMatch(/X-Kind: read-timeout/)
  })

  test('an upstream that falls silent in its answer cuts the answer', async () => {
    const fixture = await start({ timeouts: { readMs: 200 } })
    const { client, upstream } = await fixture.request(GET)
    upstream.send('HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\npart')
    await client.over()
    expect((fixture.relays[0]!.failure as UpstreamFailure).kind).toBe('read-timeout')
    await upstream.over()
  })

  test('an upstream that takes nothing of an upload is a write time-out', async () => {
    const fixture = await start({ timeouts: { writeMs: 300 } })
    const client = await fixture.client()
    const length = 64 * 1024 * 1024
    client.send(`POST / HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`)
    const upstreamHere = fixture.upstream.peer()
    client.socket.write(Buffer.alloc(length))
    const upstream = await upstreamHere
    upstream.socket.pause()
    await client.has('\r\n\r\n')
    expect(client.statuses).toEqual([504])
    expect(client.received).toMatch(/X-Kind: write-timeout\r\nX-Sent: true/)
  })

  test('a connection that does not come about is a connect time-out', async () => {
    // The handshake is part of connecting, and who only accepts never answers it.
    const mute = createServer()
    mute.listen(0, '127.0.0.1')
    await once(mute, 'listening')
    const { port } = mute.address() as AddressInfo
    const fixture = await start({
      target: { hostname: '127.0.0.1', port, tlsName: 'a.test' },
      timeouts: { connectMs: 200 },
    })
    const client = await fixture.client()
    client.send(POST)
    await client.has('\r\n\r\n')
    expect(client.statuses).toEqual([504])
    expect(client.received).toMatch(/X-Kind: connect-timeout\r\nX-Sent: false/)
    expect(fixture.exchanges[0]!.body!.started).toBe(false)
    mute.close()
  })

  test('a head that does not end is refused with 408', async () => {
    const fixture = await start({ limits: { headDeadlineMs: 300 } })
    const client = await fixture.client()
    client.send('GET / HTTP/1.1\r\nHost: a\r\n')
    await client.over()
    expect(client.statuses).toEqual([408])
    expect(fixture.refusals.map((refusal) => refusal.status)).toEqual([408])
    expect(fixture.exchanges).toHaveLength(0)
  })

  test('a connection that never says anything is closed without a word', async () => {
    const fixture = await start({ limits: { headDeadlineMs: 300 } })
    const client = await fixture.client()
    await client.over()
    expect(client.received).toBe('')
    expect(fixture.refusals).toEqual([])
  })

  test('a slow upload is not cut as long as it moves', async () => {
    const fixture = await start({ limits: { headDeadlineMs: 200, bodyIdleMs: 400 } })
    const { client, upstream } = await fixture.request(POST)
    for (let i = 0; i < 6; i++) {
      await new Promise((resolve) => setTimeout(resolve, 150))
      client.send('x'.repeat(16))
    }
    await upstream.until((peer) => peer.received.endsWith('x'.repeat(96)))
    upstream.send(OK)
    await client.has('\r\n\r\nok')
  })

  test('an upload that falls silent fails with request-body', async () => {
    const fixture = await start({ limits: { bodyIdleMs: 200 } })
    const { client, upstream } = await fixture.request(POST)
    await client.has('\r\n\r\n')
    expect(client.received).toMatch(/X-Kind: request-body/)
    await upstream.over()
    await client.over()
  })

  test('a client that takes nothing of its answer is cut off', async () => {
    const fixture = await start({ limits: { answerIdleMs: 300 } })
    const { client, upstream } = await fixture.request(GET)
    client.socket.pause()
    const length = 64 * 1024 * 1024
    upstream.send(`HTTP/1.1 200 OK\r\nContent-Length: ${length}\r\n\r\n`)
    upstream.socket.write(Buffer.alloc(length))
    await upstream.over()
    expect(fixture.relays[0]!.events).toEqual(['cancel:timeout'])
  })

  test('a client that does not take the rest of a finished answer is cut off', async () => {
    const cancels: string[] = []
    const fixture = await start({
      limits: { answerIdleMs: 300 },
      handler: (exchange) => {
        exchange.observer = {
          onDrain: () => {},
          onCancel: (reason) => cancels.push(reason),
          onFinish: () => cancels.push('finish'),
        }
        const body = Buffer.alloc(64 * 1024 * 1024)
        exchange.sendHead({ status: 200, headers: [], bodyLength: body.length })
        exchange.end(body)
      },
    })
    const client = await fixture.client()
    client.socket.pause()
    client.send(GET)
    await expect.poll(() => cancels, { timeout: 10_000 }).toEqual(['timeout'])
  })

  test('an idle client connection is closed', async () => {
    const fixture = await start({ limits: { keepAliveIdleMs: 200 } })
    const { client, upstream } = await fixture.request(GET)
    upstream.send(OK)
    await client.has('\r\n\r\nok')
    await client.over()
  })

  test('an idle upstream connection is closed', async () => {
    const fixture = await start({ limits: { upstreamIdleMs: 200 } })
    const { client, upstream } = await fixture.request(GET)
    upstream.send(OK)
    await client.has('\r\n\r\nok')
    await upstream.over()
  })

  test('no more upstream connections are kept than the limit says', async () => {
    const fixture = await start({ limits: { idleUpstreamConnectionsMax: 2 } })
    for (let i = 0; i < 4; i++) {
      const client = await fixture.client()
      client.send(GET)
      await (await fixture.upstream.peer(i)).has('\r\n\r\n')
    }
    for (const upstream of fixture.upstream.peers) upstream.send(OK)
    await expect
      .poll(() => fixture.upstream.peers.filter((peer) => peer.ended || peer.closed).length)
      .toBe(2)
    expect(fixture.relays.map((relay) => relay.events)).toEqual(Array(4).fill(['finish']))
  })
}

function describeDrain(path: HttpPath): void {
  const start = useFixtures(path)

  test('draining closes what is idle, finishes what is under way, and says so', async () => {
    const fixture = await start()
    const idle = await fixture.client()
    const { client, upstream } = await fixture.request(GET)
    const { port } = fixture.listener.address
    const drained = fixture.listener.drain(10_000)
    await idle.over()
    expect(client.ended || client.closed).toBe(false)
    upstream.send(OK)
    await client.over()
    expect(client.received).toMatch(/\r\nconnection: close\r\n/i)
    expect(client.received).toMatch(/\r\n\r\nok$/)
    await drained
    const late = createServer()
    // The port is free again.
    late.listen(port, '127.0.0.1')
    await once(late, 'listening')
    late.close()
  })

  test('what is not over by the deadline is cut', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(GET)
    await fixture.listener.drain(200)
    await client.over()
    expect(client.received).toBe('')
    expect(fixture.relays[0]!.events).toEqual(['cancel:shutdown'])
    await upstream.over()
  })

  test('an answer that began before the drain ends its connection', async () => {
    const fixture = await start()
    const { client, upstream } = await fixture.request(GET)
    upstream.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\npa')
    await client.has('\r\n\r\npa')
    const drained = fixture.listener.drain(10_000)
    upstream.send('rt')
    await client.over()
    expect(client.received).toMatch(/\r\n\r\npart$/)
    await drained
  })
}
