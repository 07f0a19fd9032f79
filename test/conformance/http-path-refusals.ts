import { describe, expect, test } from 'vitest'
import { GET, type HttpPath, useFixtures } from './http-fixture.ts'

const HOST = 'Host: a\r\n'
const post = (headers: string, body = '') => `POST / HTTP/1.1\r\n${HOST}${headers}\r\n${body}`

/** Messages that no handler may see, as bytes, with the status that their sender gets. */
const REFUSED: readonly (readonly [string, number, string])[] = [
  ['no Host', 400, 'GET / HTTP/1.1\r\n\r\n'],
  ['two different Hosts', 400, 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
  ['two equal Hosts', 400, 'GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n'],
  ['an empty Host', 400, 'GET / HTTP/1.1\r\nHost: \r\n\r\n'],
  ['a Host with a path', 400, 'GET / HTTP/1.1\r\nHost: a/b\r\n\r\n'],
  ['a Host with a name before @', 400, 'GET / HTTP/1.1\r\nHost: a@b\r\n\r\n'],
  ['a Host with a comma and a space', 400, 'GET / HTTP/1.1\r\nHost: a, b\r\n\r\n'],
  ['both framings', 400, post('Content-Length: 3\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n')],
  [
    'both framings, turned',
    400,
    post('Transfer-Encoding: chunked\r\nContent-Length: 3\r\n', '0\r\n\r\n'),
  ],
  ['two lengths', 400, post('Content-Length: 3\r\nContent-Length: 4\r\n', 'abcd')],
  ['two equal lengths', 400, post('Content-Length: 3\r\nContent-Length: 3\r\n', 'abc')],
  ['a list of lengths', 400, post('Content-Length: 3, 3\r\n', 'abc')],
  ['a signed length', 400, post('Content-Length: +3\r\n', 'abc')],
  ['a negative length', 400, post('Content-Length: -3\r\n', 'abc')],
  ['a hexadecimal length', 400, post('Content-Length: 0x3\r\n', 'abc')],
  ['an empty length', 400, post('Content-Length: \r\n', 'abc')],
  ['a length beyond counting', 400, post('Content-Length: 99999999999999999999\r\n')],
  ['a length beyond safe integers', 400, post('Content-Length: 9999999999999999\r\n')],
  ['an unknown coding', 501, post('Transfer-Encoding: gzip, chunked\r\n', '0\r\n\r\n')],
  ['a coding that only ends in chunked', 501, post('Transfer-Encoding: xchunked\r\n', '0\r\n\r\n')],
  [
    'chunked twice',
    400,
    post('Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n', '0\r\n\r\n'),
  ],
  ['identity after chunked', 400, post('Transfer-Encoding: chunked, identity\r\n', '0\r\n\r\n')],
  ['chunked in HTTP/1.0', 400, 'POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n'],
  ['a folded header', 400, 'GET / HTTP/1.1\r\nHost: a\r\nX-A: b\r\n c\r\n\r\n'],
  ['a folded first header', 400, 'GET / HTTP/1.1\r\n Host: a\r\n\r\n'],
  ['a space before the colon', 400, 'GET / HTTP/1.1\r\nHost : a\r\n\r\n'],
  ['a tab before the colon', 400, 'GET / HTTP/1.1\r\nHost: a\r\nX-A\t: b\r\n\r\n'],
  ['a header without a colon', 400, 'GET / HTTP/1.1\r\nHost: a\r\nX-A\r\n\r\n'],
  ['a header without a name', 400, 'GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n'],
  ['a bare LF after the request line', 400, 'GET / HTTP/1.1\nHost: a\r\n\r\n'],
  ['a bare LF after a header', 400, 'GET / HTTP/1.1\r\nHost: a\nX-A: b\r\n\r\n'],
  ['a bare LF at the end of the head', 400, 'GET / HTTP/1.1\r\nHost: a\r\n\n'],
  ['a bare CR in a value', 400, 'GET / HTTP/1.1\r\nHost: a\r\nX-A: b\rc\r\n\r\n'],
  ['a NUL in a value', 400, 'GET / HTTP/1.1\r\nHost: a\r\nX-A: b\0c\r\n\r\n'],
  ['a control character in a value', 400, 'GET / HTTP/1.1\r\nHost: a\r\nX-A: b\x01c\r\n\r\n'],
  ['a byte over 127 in a name', 400, 'GET / HTTP/1.1\r\nHost: a\r\nX-\xe9: b\r\n\r\n'],
  ['a space in a name', 400, 'GET / HTTP/1.1\r\nHost: a\r\nX A: b\r\n\r\n'],
  ['two spaces in the request line', 400, 'GET  / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a space in the target', 400, 'GET /a b HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['no target', 400, 'GET HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['no version', 505, 'GET /\r\n\r\n'],
  ['HTTP/2.0 in a request line', 505, 'GET / HTTP/2.0\r\nHost: a\r\n\r\n'],
  ['HTTP/0.9 in a request line', 505, 'GET / HTTP/0.9\r\nHost: a\r\n\r\n'],
  ['HTTP/1.2', 400, 'GET / HTTP/1.2\r\nHost: a\r\n\r\n'],
  ['another protocol', 400, 'SSH-2.0-OpenSSH_9.6\r\n\r\n'],
  ['a TLS handshake', 400, '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n'],
  ['an unknown method', 400, 'G@T / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a fragment', 400, 'GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a target that is no path', 400, 'GET a/b HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['another Host than the target', 400, 'GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['another port than the target', 400, 'GET http://a:81/ HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a target of another scheme', 400, 'GET ftp://a/ HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['a target with a name before @', 400, 'GET http://x@a/ HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['the target * of a GET', 400, 'GET * HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['CONNECT', 405, 'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n'],
  ['TRACE', 405, 'TRACE / HTTP/1.1\r\nHost: a\r\n\r\n'],
  ['an unknown expectation', 417, post('Expect: 200-ok\r\nContent-Length: 1\r\n', 'a')],
  ['two expectations', 417, post('Expect: 100-continue, x\r\nContent-Length: 1\r\n', 'a')],
  ['a long target', 414, `GET /${'a'.repeat(8 * 1024)} HTTP/1.1\r\n${HOST}\r\n`],
  ['large headers', 431, `GET / HTTP/1.1\r\n${HOST}X-A: ${'a'.repeat(33 * 1024)}\r\n\r\n`],
  ['huge headers', 431, `GET / HTTP/1.1\r\n${HOST}X-A: ${'a'.repeat(100 * 1024)}\r\n\r\n`],
  ['many headers', 431, `GET / HTTP/1.1\r\n${HOST}${'X-A: b\r\n'.repeat(128)}\r\n`],
  ['very many headers', 431, `GET / HTTP/1.1\r\n${HOST}${'X-A: b\r\n'.repeat(4_000)}\r\n`],
]

/** Bodies that go wrong after a sound head: the handler has seen the head, but never a whole body. */
const BROKEN_BODIES: readonly (readonly [string, string])[] = [
  ['a chunk size that is no number', 'zz\r\nabc\r\n0\r\n\r\n'],
  ['a chunk longer than its size', '3\r\nabcd\r\n0\r\n\r\n'],
  ['a chunk size with a sign', '+3\r\nabc\r\n0\r\n\r\n'],
  ['a chunk size with 0x', '0x3\r\nabc\r\n0\r\n\r\n'],
  ['a chunk size with a space', '3 \r\nabc\r\n0\r\n\r\n'],
  ['a chunk size that overflows', 'fffffffffffffffff\r\nabc\r\n0\r\n\r\n'],
  ['a bare LF after the chunk size', '3\nabc\r\n0\r\n\r\n'],
  ['a bare LF after the chunk', '3\r\nabc\n0\r\n\r\n'],
  ['a bare LF in a chunk extension', '3;a\nabc\r\n0\r\n\r\n'],
  ['a folded trailer', '3\r\nabc\r\n0\r\nX-A: b\r\n c\r\n\r\n'],
]

export function describeHttpRefusals(path: HttpPath): void {
  const start = useFixtures(path)

  describe('refuses, before any handler sees it,', () => {
    test.each(REFUSED)('%s', async (name, status, bytes) => {
      if (path.tolerates.includes(name)) return expectTolerated(bytes)
      const fixture = await start()
      const client = await fixture.client()
      client.send(bytes)
      await client.over()
      expect(client.statuses).toEqual([status])
      expect(client.received).toMatch(/\r\nconnection: close\r\n/i)
      expect(client.received).toMatch(/\r\n\r\n\{"message":"[\w ]+"\}$/)
      expect(client.reset).toBe(false)
      expect(fixture.exchanges).toHaveLength(0)
      expect(fixture.refusals).toEqual([
        { status, reason: expect.any(String), clientAddress: '127.0.0.1' },
      ])
    })

    /** A parser that repairs a message must at least hand over a sound one. */
    async function expectTolerated(bytes: string): Promise<void> {
      const fixture = await start({ handler: () => {} })
      const client = await fixture.client()
      client.send(bytes)
      await expect.poll(() => fixture.exchanges.length).toBe(1)
      expect(fixture.exchanges[0]!.target).toBe('/')
      expect(fixture.exchanges[0]!.authority).toBe('a')
    }

    test('what follows a refused message on its connection', async () => {
      const fixture = await start()
      const client = await fixture.client()
      client.send(`GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${GET}`)
      await client.over()
      client.send(GET)
      expect(client.statuses).toEqual([400])
      expect(fixture.exchanges).toHaveLength(0)
    })
  })

  test.each(BROKEN_BODIES)('a body with %s never ends well', async (_name, body) => {
    const ends: string[] = []
    const fixture = await start({
      handler: (exchange) => {
        exchange.body!.start({
          onData: () => true,
          onEnd: () => ends.push('end'),
          onError: () => {
            ends.push('error')
            exchange.sendHead({ status: 400, headers: [], bodyLength: 0 })
            exchange.end()
          },
        })
      },
    })
    const client = await fixture.client()
    client.send(post('Transfer-Encoding: chunked\r\n', body))
    await client.over()
    expect(ends).toEqual(['error'])
    expect(client.statuses).toEqual([400])
    expect(client.received).toMatch(/\r\nconnection: close\r\n/i)
    expect(fixture.refusals).toHaveLength(1)
  })

  test('a good request before a bad one is answered', async () => {
    let answer = () => {}
    const fixture = await start({
      handler: (exchange) => {
        answer = () => {
          exchange.sendHead({ status: 200, headers: [], bodyLength: 2 })
          exchange.end(Buffer.from('ok'))
        }
      },
    })
    const client = await fixture.client()
    client.send(`${GET}GET / HTTP/1.1\nHost: a\n\n`)
    await expect.poll(() => fixture.refusals.length).toBe(1)
    answer()
    await client.over()
    expect(client.received).toMatch(/^HTTP\/1\.1 200 OK\r\n/)
    expect(client.received).toContain('\r\n\r\nok')
    expect(fixture.exchanges).toHaveLength(1)
  })
}
