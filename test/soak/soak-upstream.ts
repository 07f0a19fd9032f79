import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'

const LARGE_BYTES = 1024 * 1024
export const LARGE_BODY = Buffer.alloc(
  LARGE_BYTES,
  'The outer door shuts before the inner one opens. ',
)
export const SLOW_BODY = 'drop by drop\n'.repeat(8)

/** Answers what the loads ask for by path; an upgrade becomes an echo. */
export async function startSoakUpstream(): Promise<{ port: number; close: () => void }> {
  const server = createServer((request, response) => {
    void answer(request, response).catch(() => response.destroy())
  })
  server.keepAliveTimeout = 60_000
  echoUpgrades(server)
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    close: () => {
      server.closeAllConnections()
      server.close()
    },
  }
}

async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
  const path = request.url!.replace(/\?.*/, '')
  if (path === '/large') {
    response.setHeader('Content-Length', LARGE_BYTES)
    response.end(LARGE_BODY)
  } else if (path === '/large-chunked') {
    for (let at = 0; at < LARGE_BYTES; at += 64 * 1024) {
      if (!response.write(LARGE_BODY.subarray(at, at + 64 * 1024))) await once(response, 'drain')
    }
    response.end()
  } else if (path === '/slow') {
    for (const line of SLOW_BODY.split(/(?<=\n)/)) {
      response.write(line)
      await sleep(50)
    }
    response.end()
  } else if (path === '/digest') {
    response.end(await digest(request))
  } else if (path === '/early') {
    // Before the body of the request has ended.
    response.statusCode = 403
    response.setHeader('Connection', 'close')
    response.end('early\n')
  } else if (path === '/cut') {
    response.setHeader('Content-Length', 1_000)
    response.write('not whole')
    setImmediate(() => response.destroy())
  } else {
    response.end(`small ${request.url}\n`)
  }
}

async function digest(request: IncomingMessage): Promise<string> {
  const hash = createHash('sha256')
  for await (const chunk of request) hash.update(chunk as Buffer)
  return hash.digest('hex')
}

function echoUpgrades(server: Server): void {
  server.on('upgrade', (request, socket, head) => {
    const protocol = request.headers.upgrade ?? ''
    socket.write(
      `HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: ${protocol}\r\n\r\n`,
    )
    socket.on('error', () => socket.destroy())
    if (head.length > 0) socket.write(head)
    socket.pipe(socket)
  })
}
