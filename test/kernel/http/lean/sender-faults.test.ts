import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import { settled } from '../../../conformance/http-fixture.ts'
import type { RawPeer } from '../../../conformance/raw-http.ts'
import { ScriptedBody, type SenderFixture, useSender } from './sender-fixture.ts'

const OK = 'HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok'
/** Cut short when nothing follows. */
const CUT = OK.replace('Length: 2', 'Length: 9')
const FAST = { timeouts: { connectMs: 5_000, writeMs: 5_000, readMs: 100 } }
const start = useSender()

/** Says something and hangs up, resets, or stays; then what the client gets and the pool has. */
type Script = readonly [
  name: string,
  says: string,
  then: 'end' | 'reset' | 'stay',
  outcome: string,
  pool: string,
]

const NONE = '0 0 0'
const KEPT = '1 1 0'
const chunked = (body: string) => `HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n${body}`
const flood = (count: number) => 'HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n'.repeat(count)

const SCRIPTS: readonly Script[] = [
  ['closes before the head', '', 'end', 'closed true', NONE],
  ['resets before the head', '', 'reset', 'closed true', NONE],
  ['closes in the status line', 'HTTP/1.1 2', 'end', 'closed true', NONE],
  ['closes in the head', 'HTTP/1.1 200 OK\r\nContent-Le', 'end', 'closed true', NONE],
  ['resets in the head', 'HTTP/1.1 200 OK\r\nContent-Le', 'reset', 'closed true', NONE],
  ['closes before the empty line', 'HTTP/1.1 200 OK\r\nA: b\r\n', 'end', 'closed true', NONE],
  ['closes after an informational answer', flood(1), 'end', 'closed true', NONE],
  ['answers', OK, 'stay', '200 ok', KEPT],
  ['answers and closes', OK, 'end', '200 ok', NONE],
  ['says that it closes', OK.replace('C', 'Connection: close\r\nC'), 'stay', '200 ok', NONE],
  ['answers in chunks', chunked('2\r\nok\r\n0\r\n\r\n'), 'stay', '200 ok', KEPT],
  ['answers until it closes', 'HTTP/1.1 200 OK\r\n\r\nok', 'end', '200 ok', NONE],
  ['answers as HTTP/1.0', 'HTTP/1.0 200 OK\r\n\r\nok', 'end', '200 ok', NONE],
  ['has nothing to say', 'HTTP/1.1 204 No Content\r\n\r\n', 'stay', '204 ', KEPT],
  ['closes in a body', CUT, 'end', '200 ok then closed true', NONE],
  ['resets in a body', CUT, 'reset', '200 ok then closed true', NONE],
  ['closes after a chunk', chunked('2\r\nok\r\n'), 'end', '200 ok then closed true', NONE],
  ['closes in a chunk', chunked('9\r\nok'), 'end', '200 ok then closed true', NONE],
  ['closes in the last chunk', chunked('2\r\nok\r\n0\r\n'), 'end', '200 ok then closed true', NONE],
  ['resets in chunks', chunked('2\r\nok\r\n'), 'reset', '200 ok then closed true', NONE],
  ['resets until it closes', 'HTTP/1.1 200 OK\r\n\r\nok', 'reset', '200 ok then closed true', NONE],
  ['never answers', '', 'stay', 'read-timeout true', NONE],
  ['stops in the head', 'HTTP/1.1 200 OK\r\nCont', 'stay', 'read-timeout true', NONE],
  ['stops in a body', CUT, 'stay', '200 ok then read-timeout true', NONE],
  ['stops in chunks', chunked('9\r\nok'), 'stay', '200 ok then read-timeout true', NONE],
  ['stops after hints', flood(2), 'stay', 'read-timeout true', NONE],
  ['answers garbage', 'garbage', 'stay', 'bad-answer true', NONE],
  ['answers a line of garbage', 'garbage\r\n\r\n', 'stay', 'bad-answer true', NONE],
  ['greets like SSH', 'SSH-2.0-OpenSSH_9.6\r\n', 'stay', 'bad-answer true', NONE],
  ['speaks TLS', '\x15\x03\x01\x00\x02\x02\x46', 'stay', 'bad-answer true', NONE],
  ['speaks HTTP/2', '\0\0\x12\x04\0\0\0\0\0', 'stay', 'bad-answer true', NONE],
  ['ends lines in LF', 'HTTP/1.1 200 OK\nContent-Length: 2\n\nok', 'stay', 'bad-answer true', NONE],
  ['begins with an empty line', `\r\n${OK}`, 'stay', 'bad-answer true', NONE],
  [
    'frames twice',
    OK.replace('C', 'Transfer-Encoding: chunked\r\nC'),
    'stay',
    'bad-answer true',
    NONE,
  ],
  ['has two lengths', OK.replace('C', 'Content-Length: 3\r\nC'), 'stay', 'bad-answer true', NONE],
  ['folds a header', OK.replace('C', 'A: b\r\n c\r\nC'), 'stay', 'bad-answer true', NONE],
  [
    'switches unasked',
    'HTTP/1.1 101 X\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n',
    'stay',
    'bad-answer true',
    NONE,
  ],
  ['has a bad chunk at once', chunked('x\r\n'), 'stay', '200  then bad-answer true', NONE],
  [
    'has a bad chunk later',
    chunked('2\r\nok\r\n-1\r\n'),
    'stay',
    '200 ok then bad-answer true',
    NONE,
  ],
  ['has a chunk too long', chunked('1\r\nok\r\n'), 'stay', '200 o then bad-answer true', NONE],
  [
    'has bad trailers',
    chunked('2\r\nok\r\n0\r\nA : b\r\n\r\n'),
    'stay',
    '200 ok then bad-answer true',
    NONE,
  ],
  ['answers twice', `${OK}${OK}`, 'stay', '200 ok', NONE],
  ['says more than announced', `${OK}!`, 'stay', '200 ok', NONE],
  ['says more after chunks', `${chunked('2\r\nok\r\n0\r\n\r\n')}!`, 'stay', '200 ok', NONE],
  ['has a body after 204', 'HTTP/1.1 204 X\r\nContent-Length: 2\r\n\r\nok', 'stay', '204 ', NONE],
  ['has a body after 304', 'HTTP/1.1 304 X\r\n\r\nok', 'stay', '304 ', NONE],
  ['hints, then answers', `${flood(3)}${OK}`, 'stay', '200 ok', KEPT],
  ['continues, then answers', `HTTP/1.1 100 Continue\r\n\r\n${OK}`, 'stay', '200 ok', KEPT],
  ['hints for ever', flood(17), 'stay', 'bad-answer true', NONE],
  [
    'continues for ever',
    'HTTP/1.1 100 Continue\r\n\r\n'.repeat(17),
    'stay',
    'bad-answer true',
    NONE,
  ],
  [
    'has a head without end',
    `HTTP/1.1 200 OK\r\nA: ${'b'.repeat(40_000)}`,
    'stay',
    'bad-answer true',
    NONE,
  ],
  [
    'has too many headers',
    `HTTP/1.1 200 OK\r\n${'A: b\r\n'.repeat(129)}\r\n`,
    'stay',
    'bad-answer true',
    NONE,
  ],
]

async function play(fixture: SenderFixture, [, says, then]: Script, cut: number) {
  const outcome = fixture.send(FAST)
  const upstream = await fixture.upstream.peer()
  await upstream.has('\r\n\r\n')
  if (cut > 0) {
    upstream.send(says.slice(0, cut))
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  upstream.send(says.slice(cut))
  if (then === 'end') upstream.socket.end()
  if (then === 'reset') {
    // What was sent before has to arrive first: a reset throws it away.
    if (says !== '') await new Promise((resolve) => setTimeout(resolve, 30))
    upstream.socket.resetAndDestroy()
  }
  await outcome.over
  return outcome
}

describe('an upstream that', () => {
  test.each(SCRIPTS)('%s', async (...script) => {
    const [, says, , wanted, pool] = script
    // In one piece, and with the cut at several places.
    for (const cut of new Set([0, 1, 9, Math.floor(says.length / 2), says.length - 1])) {
      if (cut < 0 || cut >= Math.max(1, says.length)) continue
      const fixture = await start()
      const outcome = await play(fixture, script, cut)
      // The rest of a cut message may come when its answer is over already.
      expect([cut, outcome.summary]).toEqual([cut, wanted])
      await expect.poll(() => fixture.pool).toBe(pool)
    }
  })

  test('answers on an idle connection loses it', async () => {
    const fixture = await start()
    const first = fixture.send()
    const upstream = await fixture.upstream.peer()
    await upstream.has('\r\n\r\n')
    upstream.send(OK)
    await first.over
    expect(fixture.pool).toBe('1 1 0')
    upstream.send('HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil')
    await upstream.over()
    expect(fixture.pool).toBe('0 0 0')
    const second = fixture.send()
    await answer(await fixture.upstream.peer(1))
    expect((await second.over).summary).toBe('200 ok')
  })

  test('passes on hints as they come', async () => {
    const fixture = await start()
    const outcome = fixture.send()
    const upstream = await fixture.upstream.peer()
    await upstream.has('\r\n\r\n')
    upstream.send('HTTP/1.1 103 Early Hints\r\n\r\n')
    await expect.poll(() => outcome.informations).toEqual([103])
    upstream.send(`HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n${OK}`)
    await outcome.over
    expect(outcome.informations).toEqual([103, 102])
  })

  test('is slow but moves is waited for', async () => {
    const fixture = await start()
    const outcome = fixture.send(FAST)
    const upstream = await fixture.upstream.peer()
    await upstream.has('\r\n\r\n')
    for (const byte of `${OK.slice(0, 10)}`) {
      upstream.send(byte)
      await new Promise((resolve) => setTimeout(resolve, 40))
    }
    upstream.send(OK.slice(10))
    expect((await outcome.over).summary).toBe('200 ok')
  })

  test('goes on answering for too long fails at the total deadline', async () => {
    const fixture = await start({ upstreamTotalMs: 200 })
    const outcome = fixture.send()
    const upstream = await fixture.upstream.peer()
    await upstream.has('\r\n\r\n')
    upstream.send('HTTP/1.1 200 OK\r\n\r\n')
    const drip = setInterval(() => upstream.send('.'), 20)
    await outcome.over
    clearInterval(drip)
    expect(outcome.summary).toMatch(/^200 \.+ then total-timeout true$/)
    expect(fixture.pool).toBe('0 0 0')
  })

  test('speaks before it was asked is not believed', async () => {
    const fixture = await start()
    const first = fixture.send()
    const upstream = await fixture.upstream.peer()
    await answer(upstream)
    await first.over
    // The answer is in the socket before the request is made that it seems to belong to.
    upstream.send(OK.replace('ok', 'no'))
    await new Promise((resolve) => setTimeout(resolve, 20))
    const second = fixture.send()
    await answer(await fixture.upstream.peer(1))
    expect((await second.over).summary).toBe('200 ok')
  })

  test('sends trailers has them passed on', async () => {
    const fixture = await start()
    const outcome = fixture.send()
    const upstream = await fixture.upstream.peer()
    upstream.send(chunked('2\r\nok\r\n0\r\nX-Sum: 7\r\n\r\n'))
    expect((await outcome.over).trailers).toEqual(['X-Sum', '7'])
    expect(fixture.pool).toBe('1 1 0')
  })
})

describe('a kept connection that the upstream closes', () => {
  /** A connection in the pool whose upstream closes it when the second request arrives. */
  async function stale(then: 'end' | 'reset', method: string, body: ScriptedBody | null = null) {
    const fixture = await start()
    const first = fixture.send()
    const upstream = await fixture.upstream.peer()
    await answer(upstream)
    await first.over
    const second = fixture.send({ method, body })
    await upstream.until((peer) => peer.received.split('\r\n\r\n').length > 2)
    if (then === 'end') upstream.socket.end()
    else upstream.socket.resetAndDestroy()
    return { fixture, second }
  }

  test.each(['GET', 'HEAD', 'PUT', 'DELETE', 'OPTIONS'])(
    'has a %s sent again, once, on a new one',
    async (method) => {
      const { fixture, second } = await stale('end', method)
      const fresh = await fixture.upstream.peer(1)
      await fresh.has('\r\n\r\n')
      fresh.send('HTTP/1.1 204 X\r\n\r\n')
      expect((await second.over).summary).toBe('204 ')
      expect(fixture.pool).toBe('1 1 0')
    },
  )

  test('again is a failure', async () => {
    const { fixture, second } = await stale('end', 'GET')
    const fresh = await fixture.upstream.peer(1)
    await fresh.has('\r\n\r\n')
    fresh.socket.end()
    expect((await second.over).summary).toBe('closed true')
    expect(fixture.upstream.peers).toHaveLength(2)
    expect(fixture.pool).toBe('0 0 0')
  })

  test.each([
    ['a POST', 'end', 'POST', null],
    ['a GET that is reset', 'reset', 'GET', null],
    ['a PUT whose body has begun', 'end', 'PUT', new ScriptedBody(4, 'ab')],
  ] as const)(
    'is a failure for %s: it may have been processed',
    async (_name, then, method, body) => {
      const { fixture, second } = await stale(then, method, body)
      expect((await second.over).summary).toBe('closed true')
      expect(fixture.upstream.peers).toHaveLength(1)
      expect(fixture.pool).toBe('0 0 0')
    },
  )

  test('meanwhile is not used at all', async () => {
    const fixture = await start()
    const first = fixture.send()
    const upstream = await fixture.upstream.peer()
    await answer(upstream)
    await first.over
    upstream.socket.end()
    await expect.poll(() => fixture.pool).toBe('0 0 0')
    const second = fixture.send({ method: 'POST' })
    await answer(await fixture.upstream.peer(1))
    expect((await second.over).summary).toBe('200 ok')
  })

  test('after the time it announced is closed by us before', async () => {
    const fixture = await start()
    const first = fixture.send()
    const upstream = await fixture.upstream.peer()
    await upstream.has('\r\n\r\n')
    upstream.send(OK.replace('C', 'Keep-Alive: timeout=1\r\nC'))
    await first.over
    expect(fixture.pool).toBe('0 0 0')
  })
})

describe('the body of a request', () => {
  test('goes out together with the head', async () => {
    const fixture = await start()
    const body = new ScriptedBody(5, 'hello')
    fixture.send({ method: 'POST', body })
    const upstream = await fixture.upstream.peer()
    let reads = 0
    upstream.socket.on('data', () => reads++)
    await upstream.has('hello')
    expect(upstream.received).toBe('POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello')
    expect(reads).toBe(1)
  })

  test('is stopped, and the connection closed, when the answer comes before its end', async () => {
    const fixture = await start()
    const body = new ScriptedBody(100, 'part')
    const outcome = fixture.send({ method: 'POST', body })
    const upstream = await fixture.upstream.peer()
    await upstream.has('part')
    upstream.send(OK)
    expect((await outcome.over).summary).toBe('200 ok')
    expect(body.cancelled).toBe('upstream-aborted')
    await upstream.over()
    expect(fixture.pool).toBe('0 0 0')
  })

  test('goes on while an early answer does', async () => {
    const fixture = await start()
    const body = new ScriptedBody(-1, 'one')
    const outcome = fixture.send({ method: 'POST', body })
    const upstream = await fixture.upstream.peer()
    await upstream.has('one')
    upstream.send(chunked('3\r\nONE\r\n'))
    await outcome.headHere
    body.push('two')
    await upstream.has('3\r\ntwo\r\n')
    body.end()
    await upstream.has('0\r\n\r\n')
    upstream.send('0\r\n\r\n')
    expect((await outcome.over).summary).toBe('200 ONE')
    expect(fixture.pool).toBe('1 1 0')
  })

  test.each([
    ['shorter than announced', (body: ScriptedBody) => body.end()],
    ['longer than announced', (body: ScriptedBody) => body.push('toolong')],
    ['broken off', (body: ScriptedBody) => body.sink!.onError(new Error('gone'))],
  ])('that is %s fails and is never whole', async (_name, act) => {
    const fixture = await start()
    const body = new ScriptedBody(6, 'part')
    const outcome = fixture.send({ method: 'POST', body })
    const upstream = await fixture.upstream.peer()
    await upstream.has('part')
    act(body)
    expect((await outcome.over).summary).toBe('request-body true')
    await upstream.over()
    expect(upstream.received.split('\r\n\r\n')[1]).toBe('part')
    expect(fixture.pool).toBe('0 0 0')
  })

  test.each([
    ['closes', (peer: RawPeer) => peer.socket.destroy(), 'closed true'],
    ['resets', (peer: RawPeer) => peer.socket.resetAndDestroy(), 'closed true'],
    ['answers garbage', (peer: RawPeer) => peer.send('garbage'), 'bad-answer true'],
  ])('is stopped when the upstream %s', async (_name, act, wanted) => {
    const fixture = await start()
    const body = new ScriptedBody(100, 'part')
    const outcome = fixture.send({ method: 'POST', body })
    const upstream = await fixture.upstream.peer()
    await upstream.has('part')
    act(upstream)
    expect((await outcome.over).summary).toBe(wanted)
    expect(body.cancelled).toBe('upstream-aborted')
    expect(fixture.pool).toBe('0 0 0')
  })

  test('waits for the upstream, and fails when that takes nothing', async () => {
    const fixture = await start()
    const body = new ScriptedBody(-1)
    const timeouts = { connectMs: 5_000, writeMs: 150, readMs: 5_000 }
    const outcome = fixture.send({ method: 'POST', body, timeouts })
    const upstream = await fixture.upstream.peer()
    await expect.poll(() => body.started).toBe(true)
    upstream.socket.pause()
    body.pump(Buffer.alloc(1024 * 1024))
    expect((await outcome.over).summary).toBe('write-timeout true')
    expect(body.cancelled).toBe('upstream-aborted')
  })

  test('resumes when the upstream takes more', async () => {
    const fixture = await start()
    const body = new ScriptedBody(-1)
    const outcome = fixture.send({ method: 'POST', body })
    const upstream = await fixture.upstream.peer()
    await expect.poll(() => body.started).toBe(true)
    upstream.socket.pause()
    upstream.countOnly()
    body.pump(Buffer.alloc(1024 * 1024))
    const resumes = await settled(() => body.resumes)
    upstream.socket.resume()
    await expect.poll(() => body.resumes).toBeGreaterThan(resumes)
    body.pump(null)
    body.end()
    upstream.send(OK)
    expect((await outcome.over).summary).toBe('200 ok')
  })

  test('is untouched when no connection comes about', async () => {
    const closed = createServer().listen(0, '127.0.0.1')
    await once(closed, 'listening')
    const { port } = closed.address() as AddressInfo
    closed.close()
    await once(closed, 'close')
    const fixture = await start()
    const body = new ScriptedBody(4, 'body')
    const target = { ...fixture.target, port }
    const outcome = fixture.send({ method: 'POST', body, target })
    expect((await outcome.over).summary).toBe('connect-refused false')
    expect([body.started, body.cancelled]).toEqual([false, null])
    expect(fixture.pool).toBe('0 0 0')
  })
})

/** Answers the request that this connection brings. */
async function answer(upstream: RawPeer): Promise<void> {
  await upstream.has('\r\n\r\n')
  upstream.send(OK)
}
