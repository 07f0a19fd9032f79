import { once } from 'node:events'
import { connect, createServer } from 'node:net'
import { describe, expect, test } from 'vitest'
import {
  bindListeningSocket,
  bindWithHandle,
  formatAddress,
} from '../../../kernel/process/listening-socket.ts'

describe.each([
  [
    'by the public class',
    (ip: string, port: number) => bindListeningSocket({ hostname: ip, port }),
  ],
  ['as older versions bind', async (ip: string, port: number) => bindWithHandle(ip, port)],
])('a socket that is bound %s', (_how, bind) => {
  test.each(['127.0.0.1', '::1'])('on %s is served by whoever has its descriptor', async (ip) => {
    const socket = await bind(ip, 0)
    const server = createServer((connection) => connection.end('served'))
    server.listen({ fd: socket.fd })
    await once(server, 'listening')
    expect(socket.address.port).toBeGreaterThan(0)
    const client = connect(socket.address.port, ip)
    const [answer] = (await once(client, 'data')) as [Buffer]
    expect(answer.toString()).toBe('served')
    client.destroy()
    server.close()
  })

  test('is refused on an address that is in use', async () => {
    const other = createServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const { port } = other.address() as { port: number }
    await expect(bind('127.0.0.1', port)).rejects.toMatchObject(
      expect.objectContaining({ message: expect.stringMatching(/in use|bind/) as string }),
    )
    other.close()
  })
})

test.each([
  [{ hostname: '192.0.2.1', port: 0 }, 'cannot listen on 192.0.2.1:0: the address is not one of'],
  [{ hostname: 'no.such.invalid', port: 1 }, 'cannot listen on no.such.invalid:1: '],
])('an address that cannot be bound is named: %j', async (address, message) => {
  await expect(bindListeningSocket(address)).rejects.toThrow(message)
})

test('an address is written as it is read', () => {
  expect(formatAddress({ hostname: '::1', port: 80 })).toBe('[::1]:80')
  expect(formatAddress({ hostname: '127.0.0.1', port: 80 })).toBe('127.0.0.1:80')
})
