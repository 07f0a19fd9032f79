import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

export interface SeenRequest {
  readonly method: string
  readonly url: string
  readonly headers: IncomingMessage['headers']
  readonly rawHeaders: readonly string[]
  readonly body: string
}

export interface TestUpstream {
  readonly url: string
  readonly port: number
  /** What has reached it, in order. */
  readonly seen: readonly SeenRequest[]
  close(): Promise<void>
}

export type Answer = (
  request: SeenRequest,
  response: ServerResponse,
  message: IncomingMessage,
) => void

/** An upstream on a free port that remembers what reached it; answers `hello` unless told otherwise. */
export async function startUpstream(answer: Answer = answerHello): Promise<TestUpstream> {
  const seen: SeenRequest[] = []
  const server = createServer((message, response) => {
    const chunks: Buffer[] = []
    message.on('data', (chunk: Buffer) => chunks.push(chunk))
    message.on('end', () => {
      const { method = '', url = '', headers, rawHeaders } = message
      const body = Buffer.concat(chunks).toString()
      const request = { method, url, headers, rawHeaders, body }
      seen.push(request)
      answer(request, response, message)
    })
  })
  await listen(server)
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}`,
    port,
    seen,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function answerHello(_request: SeenRequest, response: ServerResponse): void {
  response.setHeader('Content-Type', 'text/plain')
  response.end('hello')
}

function listen(server: Server): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(0, '127.0.0.1', () => resolve())
  })
}
