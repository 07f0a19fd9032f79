// The row "node:http + undici": the shortest honest reverse proxy out of what Node itself offers.
import http from 'node:http'
import { Pool } from 'undici'

const [port, upstreamPort] = process.argv.slice(2).map(Number)
const pool = new Pool(`http://127.0.0.1:${upstreamPort}`)

const server = http.createServer((request, response) => {
  const { connection: _, ...headers } = request.headers
  const hasBody = 'content-length' in headers || 'transfer-encoding' in headers
  const body = hasBody ? request : null
  pool.dispatch(
    { method: request.method as 'GET', path: request.url ?? '/', headers, body },
    {
      onRequestStart() {},
      onResponseStart(_controller, status, answerHeaders) {
        const { connection: _hop, 'keep-alive': _also, ...kept } = answerHeaders
        response.writeHead(status, kept)
      },
      onResponseData: (_controller, chunk) => void response.write(chunk),
      onResponseEnd: () => void response.end(),
      onResponseError() {
        if (response.headersSent) response.destroy()
        else response.writeHead(502).end()
      },
    },
  )
})

server.listen(port, '127.0.0.1')
