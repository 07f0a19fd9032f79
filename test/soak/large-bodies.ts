// `npm run soak:bodies`: streams 1 GB down and up through the gateway command, twice, and says by how
// much its worker grew. Run by hand; all traffic stays on 127.0.0.1.
import { createServer, type IncomingMessage, request, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { Readable, Writable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { setInterval as every } from 'node:timers'
import { GatewayProcess } from './gateway-process.ts'

const BODY_BYTES = 2 ** 30
const GROWTH_MB_MAX = 50
const ROUNDS = 2
const PIECE = Buffer.alloc(64 * 1024, 'x')

function* pieces(): Generator<Buffer> {
  for (let sent = 0; sent < BODY_BYTES; sent += PIECE.length) yield PIECE
}

async function answer(message: IncomingMessage, response: ServerResponse): Promise<void> {
  if (message.method === 'GET') {
    response.setHeader('Content-Length', BODY_BYTES)
    await pipeline(Readable.from(pieces()), response)
    return
  }
  response.end(String(await count(message)))
}

/** Reads to the end; says how many bytes there were. */
async function count(body: Readable): Promise<number> {
  let bytes = 0
  const counter = new Writable({
    write(chunk: Buffer, _encoding, done) {
      bytes += chunk.length
      done()
    },
  })
  await pipeline(body, counter)
  return bytes
}

async function transfer(port: number, method: 'GET' | 'PUT', length: boolean): Promise<number> {
  const headers = length && method === 'PUT' ? { 'Content-Length': BODY_BYTES } : {}
  const sent = request({ host: '127.0.0.1', port, path: '/large', method, headers })
  const answered = new Promise<IncomingMessage>((resolve, reject) => {
    sent.once('response', resolve).once('error', reject)
  })
  if (method === 'PUT') await pipeline(Readable.from(pieces()), sent)
  else sent.end()
  const response = await answered
  if (method === 'GET') return count(response)
  return Number((await response.toArray()).join(''))
}

const upstream = createServer((message, response) => void answer(message, response))
await new Promise<void>((resolve) => upstream.listen(0, '127.0.0.1', resolve))
const choice = { entry: 'kernel/main.ts', youngGeneration: 'free' } as const
const gateway = await GatewayProcess.start((upstream.address() as AddressInfo).port, choice)
const { workerPid } = gateway
const beforeMb = gateway.megabytes(workerPid)
let peakMb = beforeMb
const watch = every(() => (peakMb = Math.max(peakMb, gateway.megabytes(workerPid))), 20)
let allArrived = true
for (let round = 1; round <= ROUNDS; round++) {
  for (const [name, method, length] of [
    ['download', 'GET', true],
    ['upload with a length', 'PUT', true],
    ['upload in chunks', 'PUT', false],
  ] as const) {
    const bytes = await transfer(gateway.port, method, length)
    allArrived &&= bytes === BODY_BYTES
    console.log(
      `${name}: ${bytes} bytes; the worker has ${gateway.megabytes(workerPid).toFixed(1)} MB`,
    )
  }
}
clearInterval(watch)
const growthMb = peakMb - beforeMb
console.log(
  `${beforeMb.toFixed(1)} MB before, at most ${peakMb.toFixed(1)}: +${growthMb.toFixed(1)} MB`,
)
await gateway.stop()
upstream.closeAllConnections()
upstream.close()
process.exitCode = allArrived && growthMb < GROWTH_MB_MAX ? 0 : 1
