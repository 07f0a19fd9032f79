import { describe, expect, test } from 'vitest'
import { useSender } from './sender-fixture.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
const start = useSender()

describe('the pool of a target', () => {
  test('uses the connection last that was used first', async () => {
    const fixture = await start()
    const both = [fixture.send(), fixture.send()]
    const peers = [await fixture.upstream.peer(0), await fixture.upstream.peer(1)]
    for (const peer of peers) {
      await peer.has('\r\n\r\n')
      peer.send(OK)
      await expect
        .poll(() => both.filter((outcome) => outcome.ended).length)
        .toBe(peers.indexOf(peer) + 1)
    }
    expect(fixture.pool).toBe('2 2 0')
    for (let i = 0; i < 3; i++) {
      const next = fixture.send()
      await peers[1]!.until((peer) => peer.received.split('\r\n\r\n').length === i + 3)
      peers[1]!.send(OK)
      await next.over
    }
    expect(peers[0]!.received.split('\r\n\r\n')).toHaveLength(2)
  })

  test('has what is over its limit wait, in order, and serves it by what becomes free', async () => {
    const fixture = await start({ upstreamConnectionsMax: 1 })
    const outcomes = ['/1', '/2', '/3'].map((path) => fixture.send({ path }))
    const peer = await fixture.upstream.peer()
    expect(fixture.pool).toBe('1 0 2')
    for (const [i, outcome] of outcomes.entries()) {
      await peer.has(`GET /${i + 1} `)
      expect(peer.received).not.toContain(`GET /${i + 2} `)
      peer.send(OK)
      expect((await outcome.over).summary).toBe('200 ok')
    }
    expect(fixture.upstream.peers).toHaveLength(1)
    expect(fixture.pool).toBe('1 1 0')
  })

  test('opens a connection for who waits when one is lost', async () => {
    const fixture = await start({ upstreamConnectionsMax: 1 })
    const [first, second] = [fixture.send(), fixture.send()]
    const peer = await fixture.upstream.peer()
    await peer.has('\r\n\r\n')
    peer.socket.resetAndDestroy()
    expect((await first.over).summary).toBe('closed true')
    const next = await fixture.upstream.peer(1)
    await next.has('\r\n\r\n')
    next.send(OK)
    expect((await second.over).summary).toBe('200 ok')
  })

  test('lets nobody wait longer than the limit, nor more than the limit', async () => {
    const limits = { upstreamConnectionsMax: 1, queuedRequestsMax: 1, upstreamQueueMs: 50 }
    const fixture = await start(limits)
    const [, second, third] = [fixture.send(), fixture.send(), fixture.send()]
    expect((await third.over).summary).toBe('queue false')
    expect(third.error!.message).toBe('1 requests already wait for a connection')
    expect((await second.over).summary).toBe('queue false')
    expect(fixture.pool).toBe('1 0 0')
  })

  test('forgets who stops waiting', async () => {
    const fixture = await start({ upstreamConnectionsMax: 1 })
    const [first, second] = [fixture.send(), fixture.send({ path: '/second' })]
    second.sending.cancel('client-aborted')
    expect((await second.over).summary).toBe('closed false')
    expect(fixture.pool).toBe('1 0 0')
    const peer = await fixture.upstream.peer()
    await peer.has('\r\n\r\n')
    peer.send(OK)
    await first.over
    expect(fixture.pool).toBe('1 1 0')
    expect(peer.received).not.toContain('second')
  })

  test('closes what is idle for too long', async () => {
    const fixture = await start({ upstreamIdleMs: 50 })
    const outcome = fixture.send()
    const peer = await fixture.upstream.peer()
    await peer.has('\r\n\r\n')
    peer.send(OK)
    await outcome.over
    expect(fixture.pool).toBe('1 1 0')
    await peer.over()
    expect(fixture.pool).toBe('0 0 0')
  })

  test.each([
    ['before the head', ''],
    ['in the body', 'HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nok'],
  ])('frees the connection of a request that is cancelled %s', async (_name, says) => {
    const fixture = await start()
    const outcome = fixture.send()
    const peer = await fixture.upstream.peer()
    await peer.has('\r\n\r\n')
    peer.send(says)
    if (says !== '') await outcome.headHere
    outcome.sending.cancel('client-aborted')
    await peer.over()
    expect(fixture.pool).toBe('0 0 0')
    if (says === '') expect((await outcome.over).summary).toBe('closed true')
  })

  test('ends everything when the sender is closed, and sends nothing afterwards', async () => {
    const fixture = await start({ upstreamConnectionsMax: 1 })
    const [first, second] = [fixture.send(), fixture.send()]
    const peer = await fixture.upstream.peer()
    await peer.has('\r\n\r\n')
    await fixture.sender.close()
    expect((await first.over).summary).toBe('closed true')
    expect((await second.over).summary).toBe('closed false')
    await peer.over()
    expect((await fixture.send().over).summary).toBe('closed false')
    expect(fixture.sender.stats()).toEqual([])
  })

  test('that was not used for longest goes when there are too many', async () => {
    const fixture = await start({ upstreamPoolsMax: 1 })
    const first = fixture.send()
    const peer = await fixture.upstream.peer()
    await peer.has('\r\n\r\n')
    // The same place by another name is another target.
    const second = fixture.send({ target: { ...fixture.target, hostname: '127.0.0.2' } })
    peer.send(OK)
    expect((await first.over).summary).toBe('200 ok')
    await peer.over()
    expect(fixture.sender.stats().map((pool) => pool.target)).toEqual([
      `127.0.0.2:${fixture.target.port}`,
    ])
    second.sending.cancel('shutdown')
  })
})

describe('a large answer', () => {
  // A pattern without a period in any buffer size, so that no mixed-up piece goes unnoticed.
  const LARGE = Buffer.from(Array.from({ length: 1_500_007 }, (_, i) => (i * 7 + (i >> 9)) & 255))

  test.each([
    ['of known length', `Content-Length: ${LARGE.length}\r\n\r\n`, (body: Buffer) => [body]],
    ['in chunks', 'Transfer-Encoding: chunked\r\n\r\n', toChunks],
    ['until the end', '\r\n', (body: Buffer) => [body]],
  ])('%s is whole, beside others on other connections', async (_name, headers, encode) => {
    const fixture = await start()
    const outcomes = [fixture.send(), fixture.send(), fixture.send()]
    for (const i of outcomes.keys()) {
      const peer = await fixture.upstream.peer(i)
      peer.send(`HTTP/1.1 200 OK\r\n${headers}`)
      for (const piece of encode(LARGE)) peer.send(piece)
      if (headers === '\r\n') peer.socket.end()
    }
    for (const outcome of outcomes) {
      await outcome.over
      expect(Buffer.from(outcome.body, 'latin1').equals(LARGE)).toBe(true)
    }
  })
})

function* toChunks(body: Buffer): Generator<Buffer> {
  for (let at = 0, size = 1; at < body.length; at += size, size = (size * 3) % 90_001) {
    const piece = body.subarray(at, at + size)
    yield Buffer.concat([Buffer.from(`${piece.length.toString(16)}\r\n`), piece, LINE_END])
  }
  yield Buffer.from('0\r\n\r\n')
}

const LINE_END = Buffer.from('\r\n')

describe('a request that is not one', () => {
  test.each([
    ['a path with a space', { path: '/a b' }],
    ['a path with a line break', { path: '/a\r\nX: y' }],
    ['no path', { path: '' }],
    ['a path that is a URL', { path: 'http://b/' }],
    ['a method with a space', { method: 'GET /x' }],
    ['a header name with a colon', { headers: ['Host', 'a', 'X: y', 'z'] }],
    ['a header name with a line break', { headers: ['Host', 'a', 'X\r\nY', 'z'] }],
    ['a header value with a line break', { headers: ['Host', 'a\r\nX: y'] }],
    ['a header value with a bare LF', { headers: ['Host', 'a\nX: y'] }],
    ['a header value with NUL', { headers: ['Host', 'a\0'] }],
    ['a header value beyond latin1', { headers: ['Host', '\u{130}'] }],
    ['an upgrade with a line break', { upgrade: 'x\r\nX: y' }],
  ])('with %s reaches no upstream', async (_name, changes) => {
    const fixture = await start()
    expect((await fixture.send(changes).over).summary).toBe('TypeError')
    expect(fixture.sender.stats()).toEqual([])
  })

  test('because headers frame it is framed by us alone', async () => {
    const fixture = await start()
    const headers = [
      ...['Host', 'a', 'Content-Length', '9', 'transfer-encoding', 'chunked'],
      ...['Connection', 'close, x-a', 'Keep-Alive', 'x', 'Upgrade', 'y', 'X-A', '1'],
    ]
    fixture.send({ headers })
    const peer = await fixture.upstream.peer()
    await peer.has('\r\n\r\n')
    expect(peer.received).toBe('GET / HTTP/1.1\r\nHost: a\r\nX-A: 1\r\n\r\n')
  })

  test.each(['POST', 'PUT', 'PATCH'])('but a %s without a body says so', async (method) => {
    const fixture = await start()
    fixture.send({ method })
    const peer = await fixture.upstream.peer()
    await peer.has('\r\n\r\n')
    expect(peer.received).toBe(`${method} / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\n\r\n`)
  })
})

describe('an upgrade', () => {
  const SWITCH = 'HTTP/1.1 101 Switching\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\n\r\n'

  test('makes the connection a tunnel, with what came right after the head', async () => {
    const fixture = await start()
    const outcome = fixture.send({ upgrade: 'websocket' })
    const peer = await fixture.upstream.peer()
    await peer.has('\r\n\r\n')
    expect(peer.received).toMatch(/\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n/)
    peer.send(`${SWITCH}early`)
    await outcome.headHere
    expect(outcome.status).toBe(101)
    outcome.tunnel!.start(outcome)
    expect(outcome.body).toBe('early')
    outcome.tunnel!.write(Buffer.from('to you'))
    await peer.has('to you')
    peer.send(', and late')
    await expect.poll(() => outcome.body).toBe('early, and late')
    outcome.tunnel!.end()
    await peer.over()
    // Half closed: the other way is still open.
    peer.send('!')
    await expect.poll(() => outcome.body).toBe('early, and late!')
    peer.socket.end()
    await outcome.over
    expect([outcome.ended, outcome.error]).toEqual([true, null])
    await expect.poll(() => fixture.pool).toBe('0 0 0')
  })

  test('that is cut is told to the tunnel', async () => {
    const fixture = await start()
    const outcome = fixture.send({ upgrade: 'websocket' })
    const peer = await fixture.upstream.peer()
    peer.send(SWITCH)
    await outcome.headHere
    outcome.tunnel!.start(outcome)
    peer.socket.resetAndDestroy()
    expect((await outcome.over).error).toBeInstanceOf(Error)
    await expect.poll(() => fixture.pool).toBe('0 0 0')
  })

  test('that is aborted closes the connection', async () => {
    const fixture = await start()
    const outcome = fixture.send({ upgrade: 'websocket' })
    const peer = await fixture.upstream.peer()
    peer.send(SWITCH)
    await outcome.headHere
    outcome.tunnel!.abort()
    await peer.over()
    await expect.poll(() => fixture.pool).toBe('0 0 0')
  })

  test('to another protocol is a bad answer', async () => {
    const fixture = await start()
    const outcome = fixture.send({ upgrade: 'websocket' })
    const peer = await fixture.upstream.peer()
    peer.send(SWITCH.replace('WebSocket', 'h2c'))
    expect((await outcome.over).summary).toBe('bad-answer true')
  })

  test('that is declined is a plain answer', async () => {
    const fixture = await start()
    const outcome = fixture.send({ upgrade: 'websocket' })
    const peer = await fixture.upstream.peer()
    await peer.has('\r\n\r\n')
    peer.send(OK)
    expect((await outcome.over).summary).toBe('200 ok')
    expect(outcome.tunnel).toBe(null)
    expect(fixture.pool).toBe('1 1 0')
  })
})
