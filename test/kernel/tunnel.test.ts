import { definePlugin } from '@sallyport/sdk'
import { afterEach, expect, test } from 'vitest'
import { createLeanListener } from '../../kernel/http/lean/lean-listener.ts'
import { createLeanSender } from '../../kernel/http/lean/lean-sender.ts'
import { createHttpLimits } from '../../kernel/http/limits.ts'
import { RawPeer, RawUpstream } from '../conformance/raw-http.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'

const KEY = 'Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n'
const handshake = (path: string, protocol = 'websocket') =>
  `GET ${path} HTTP/1.1\r\nHost: ws.test\r\nConnection: keep-alive, Upgrade\r\n` +
  `Upgrade: ${protocol}\r\n${KEY}\r\n`
const AGREED =
  'HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n' +
  'Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n'

const door = definePlugin({
  name: 'door',
  version: '1.0.0',
  priority: 1,
  access(pdk) {
    if (pdk.request.getHeader('x-blocked')) return pdk.response.exit(403, { message: 'no' })
  },
  headerFilter(pdk) {
    pdk.response.setHeader('x-door', 'open')
  },
})

let gateway: TestGateway
let upstream: RawUpstream
const clients: RawPeer[] = []

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  await gateway.close()
  await upstream.close()
})

async function start(readTimeoutMs = 60_000): Promise<void> {
  upstream = await new RawUpstream().listen()
  const limits = createHttpLimits()
  gateway = await startTestGateway({
    yaml: `
_format_version: "3.0"
services:
  - name: chat
    url: http://127.0.0.1:${upstream.port}
    read_timeout: ${readTimeoutMs}
    routes: [{ name: chat, paths: [/ws] }]
    plugins: [{ name: door }]
`,
    plugins: [door],
    gateway: {
      dataPath: {
        listen: (options) => createLeanListener({ ...options, limits }),
        sender: createLeanSender({ limits }),
      },
    },
  })
}

async function connect(bytes: string): Promise<RawPeer> {
  const client = await RawPeer.connect(gateway.port)
  clients.push(client)
  client.send(bytes)
  return client
}

/** A client and the upstream behind a tunnel that stands. */
async function open(after = ''): Promise<{ client: RawPeer; server: RawPeer }> {
  const client = await connect(handshake('/ws'))
  const server = await upstream.peer()
  await server.has('\r\n\r\n')
  server.send(AGREED + after)
  await client.has(`\r\n\r\n${after}`)
  return { client, server }
}

test('a WebSocket handshake reaches the upstream and its answer comes back', async () => {
  await start()
  const { client, server } = await open('first frame')
  expect(server.received).toMatch(/\r\nConnection: Upgrade\r\n/i)
  expect(server.received).toMatch(/\r\nUpgrade: websocket\r\n/i)
  expect(server.received).toContain(KEY)
  expect(client.received).toMatch(/^HTTP\/1\.1 101 /)
  expect(client.received).toMatch(/\r\nConnection: Upgrade\r\n/)
  expect(client.received.match(/\r\nUpgrade: websocket\r\n/g)).toHaveLength(1)
  expect(client.received).toContain('s3pPLMBiTxaQ9kYGzzhZRbK+xOo=')
  expect(client.received).toMatch(/\r\nx-door: open\r\n/i)
  expect(client.received).toMatch(/\r\n\r\nfirst frame$/)
})

test('every byte goes through both ways, also in large numbers, and the log tells of them', async () => {
  await start()
  const { client, server } = await open()
  const bytes = Buffer.from(Array.from({ length: 300_000 }, (_, i) => (i * 31) % 256))
  const text = bytes.toString('latin1')
  client.send(bytes)
  server.send(bytes)
  await server.until((peer) => peer.received.length >= 300_000 && peer.received.endsWith(text))
  await client.until((peer) => peer.received.length >= 300_000 && peer.received.endsWith(text))
  client.socket.end()
  await server.until((peer) => peer.ended)
  server.send('last words')
  server.socket.end()
  await client.until((peer) => peer.ended)
  expect(client.received).toMatch(/last words$/)
  await gateway.logged(1)
  expect(gateway.accessLog[0]).toMatchObject({ status: 101, error: null })
})

test('access runs on the handshake: what it refuses reaches no upstream', async () => {
  await start()
  const client = await connect(handshake('/ws').replace('Host:', 'X-Blocked: 1\r\nHost:'))
  await client.has('\r\n\r\n')
  expect(client.statuses).toEqual([403])
  expect(upstream.peers).toHaveLength(0)
})

test('an upstream that does not agree answers the request', async () => {
  await start()
  const client = await connect(handshake('/ws'))
  const server = await upstream.peer()
  await server.has('\r\n\r\n')
  server.send('HTTP/1.1 426 Upgrade Required\r\nContent-Length: 2\r\n\r\nno')
  await client.has('\r\n\r\nno')
  expect(client.statuses).toEqual([426])
})

test.each(['h2c', 'TLS/1.0', 'websocket, h2c'])('an upgrade to %s is not offered', async (name) => {
  await start()
  const client = await connect(handshake('/ws', name))
  const server = await upstream.peer()
  await server.has('\r\n\r\n')
  expect(server.received).not.toMatch(/\r\nupgrade:/i)
  server.send(AGREED)
  await client.has('\r\n\r\n')
  expect(client.statuses).toEqual([502])
})

test('a tunnel in which nothing moves is cut', async () => {
  await start(300)
  const { client, server } = await open()
  for (let i = 0; i < 4; i++) {
    await new Promise((resolve) => setTimeout(resolve, 150))
    server.send('x')
  }
  await client.has('xxxx')
  await Promise.all([client.over(), server.over()])
  await gateway.logged(1)
  expect(gateway.accessLog[0]!.error).toMatch(/nothing moved for 300 ms/)
})

test.each(['client', 'upstream'])('when the %s is lost the other side is let go', async (who) => {
  await start()
  const { client, server } = await open()
  const [lost, left] = who === 'client' ? [client, server] : [server, client]
  lost.socket.resetAndDestroy()
  await left.until((peer) => peer.closed || peer.ended)
  await gateway.logged(1)
  expect(gateway.accessLog[0]!.error).toMatch(who === 'client' ? /client-aborted|broke/ : /broke/)
})

test('what drains is cut at its deadline', async () => {
  await start()
  const { client, server } = await open()
  await gateway.gateway.drain(100)
  await Promise.all([client.over(), server.over()])
})
