import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import {
  createServer,
  getCACertificates,
  type Server,
  setDefaultCACertificates,
  type TLSSocket,
} from 'node:tls'
import { afterAll, afterEach, beforeAll, beforeEach, expect, test } from 'vitest'
import type { SendTarget } from '../../../../kernel/exchange.ts'
import { useSender } from './sender-fixture.ts'
import { TEST_CERTIFICATE, TEST_KEY } from './tls-certificate.ts'

const trusted = getCACertificates('default')
const start = useSender()
const accepted: {
  name: string | false | null
  protocol: string | false | null
  resumed: boolean
}[] = []
const sockets: TLSSocket[] = []
let server: Server
let bodyBytes = 2
let closes = false

beforeAll(() => setDefaultCACertificates([...trusted, TEST_CERTIFICATE]))
afterAll(() => setDefaultCACertificates(trusted))

beforeEach(async () => {
  accepted.length = 0
  sockets.length = 0
  bodyBytes = 2
  closes = false
  const options = { key: TEST_KEY, cert: TEST_CERTIFICATE, ALPNProtocols: ['h2', 'http/1.1'] }
  server = createServer(options, (socket) => {
    sockets.push(socket)
    const { servername, alpnProtocol } = socket as TLSSocket & { servername: string | false }
    accepted.push({ name: servername, protocol: alpnProtocol, resumed: socket.isSessionReused() })
    socket.on('error', () => {})
    socket.on('data', () => {
      socket.write(`HTTP/1.1 200 OK\r\nContent-Length: ${bodyBytes}\r\n\r\n`)
      socket.write(Buffer.alloc(bodyBytes, 'x'))
      if (closes) socket.end()
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
})

afterEach(() => {
  for (const socket of sockets) socket.destroy()
  server.close()
})

function targetOf(tlsName: string): SendTarget {
  const { port } = server.address() as AddressInfo
  return { scheme: 'https', hostname: '127.0.0.1', port, tlsName }
}

test('an upstream with TLS is asked by its name, in HTTP/1.1, on a connection that is kept', async () => {
  const fixture = await start()
  for (let i = 0; i < 3; i++) {
    const outcome = await fixture.send({ target: targetOf('upstream.test') }).over
    expect(outcome.summary).toBe('200 xx')
  }
  expect(accepted).toEqual([{ name: 'upstream.test', protocol: 'http/1.1', resumed: false }])
  expect(fixture.pool).toBe('1 1 0')
})

test('a large answer arrives whole through TLS', async () => {
  bodyBytes = 3_000_000
  const fixture = await start()
  const outcome = await fixture.send({ target: targetOf('upstream.test') }).over
  expect(outcome.body).toBe('x'.repeat(bodyBytes))
})

test('a later connection resumes the session of an earlier one', async () => {
  closes = true
  const fixture = await start()
  for (let i = 0; i < 2; i++) {
    await fixture.send({ target: targetOf('upstream.test') }).over
    await expect.poll(() => fixture.pool).toBe('0 0 0')
  }
  expect(accepted.map(({ resumed }) => resumed)).toEqual([false, true])
})

test('a certificate for another name, or of nobody we trust, is refused before anything is sent', async () => {
  const fixture = await start()
  for (const name of ['other.test', '127.0.0.1']) {
    const outcome = await fixture.send({ target: targetOf(name) }).over
    expect(outcome.summary).toBe('tls false')
  }
  setDefaultCACertificates(trusted)
  const outcome = await fixture.send({ target: targetOf('upstream.test') }).over
  setDefaultCACertificates([...trusted, TEST_CERTIFICATE])
  expect(outcome.summary).toBe('tls false')
  expect(fixture.sender.stats().map((pool) => pool.connections)).toEqual([0, 0, 0])
})

test('targets with different names share no connection', async () => {
  const fixture = await start()
  await fixture.send({ target: targetOf('upstream.test') }).over
  const other = await fixture.send({ target: targetOf('other.test') }).over
  expect(other.summary).toBe('tls false')
})
