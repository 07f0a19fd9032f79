import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { afterEach, expect, test } from 'vitest'
import type { Listener } from '../../../kernel/exchange.ts'
import { createHttpLimits } from '../../../kernel/http/limits.ts'
import { createNodeListener } from '../../../kernel/http/node-listener.ts'
import { RawPeer } from '../../conformance/raw-http.ts'

const limits = createHttpLimits()
const running: Listener[] = []
afterEach(async () => {
  for (const listener of running.splice(0)) await listener.close()
})

async function listen(at: { hostname: string; port: number }): Promise<Listener> {
  const listener = await createNodeListener({
    listen: at,
    limits,
    onExchange: (exchange) => {
      exchange.sendHead({ status: 200, headers: [], bodyLength: 2 })
      exchange.end(Buffer.from('ok'))
    },
    onRefused: () => {},
  })
  running.push(listener)
  return listener
}

test('a listener serves on a descriptor that its parent process listens on', async () => {
  const owner = createServer().listen(0, '127.0.0.1')
  await once(owner, 'listening')
  const { port } = owner.address() as AddressInfo
  const { fd } = (owner as unknown as { _handle: { fd: number } })._handle
  const child = spawn(
    process.execPath,
    ['--conditions=source', '--input-type=module', '--eval', CHILD],
    { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit', fd] },
  )
  try {
    const [said] = (await once(child.stdout!, 'data')) as [Buffer]
    expect(String(said)).toBe(String(port))
    // Who else has the descriptor must not take the connection.
    owner.close()
    const client = await RawPeer.connect(port)
    client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
    await client.has('\r\n\r\nok')
    client.destroy()
  } finally {
    child.kill('SIGKILL')
  }
})

const CHILD = `
  import { createHttpLimits } from '../../../kernel/http/limits.ts'
  import { createNodeListener } from '../../../kernel/http/node-listener.ts'
  const listener = await createNodeListener({
    listen: { fd: 3 },
    limits: createHttpLimits(),
    onExchange(exchange) {
      exchange.sendHead({ status: 200, headers: [], bodyLength: 2 })
      exchange.end(Buffer.from('ok'))
    },
    onRefused() {},
  })
  process.stdout.write(String(listener.address.port))
`

test('a listener whose port is taken is not made', async () => {
  const first = await listen({ hostname: '127.0.0.1', port: 0 })
  await expect(listen(first.address)).rejects.toThrow(/EADDRINUSE/)
})

test('a client of a dual-stack listener has a plain IPv4 address', async () => {
  const addresses: string[] = []
  const listener = await createNodeListener({
    listen: { hostname: '::', port: 0 },
    limits,
    onExchange: (exchange) => {
      addresses.push(exchange.connection.clientAddress, exchange.connection.localAddress)
      exchange.abort('plugin')
    },
    onRefused: () => {},
  })
  running.push(listener)
  const client = await RawPeer.connect(listener.address.port)
  client.send('GET / HTTP/1.1\r\nHost: a\r\n\r\n')
  await client.over()
  expect(addresses).toEqual(['127.0.0.1', '127.0.0.1'])
})
