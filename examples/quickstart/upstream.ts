import { createServer, type Server } from 'node:http'

/** A small upstream that tells what reached it: method, path and headers, as JSON. */
export function startUpstream(port: number, hostname = '127.0.0.1'): Promise<Server> {
  const server = createServer((request, response) => {
    const { method, url, headers } = request
    let bodyBytes = 0
    request.on('data', (chunk: Buffer) => (bodyBytes += chunk.length))
    request.on('end', () => {
      response.setHeader('Content-Type', 'application/json')
      response.end(`${JSON.stringify({ method, url, headers, bodyBytes }, null, 2)}\n`)
    })
  })
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, hostname, () => resolve(server))
  })
}
