import { createHash } from 'node:crypto'
import { get, type IncomingMessage } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { startWithPlugins, type TestHandlers } from '../support/one-plugin.ts'
import type { Answer } from '../support/upstream.ts'

const BYTES = 3 * 1024 * 1024

/** A body of its own for each path: a byte of another answer shows. */
function bodyOf(path: string): Buffer {
  const seed = createHash('sha256').update(path).digest()
  const body = Buffer.alloc(BYTES)
  for (let at = 0; at < BYTES; at += seed.length + 4) {
    body.writeUInt32BE(at, Math.min(at, BYTES - 4))
    seed.copy(body, at + 4)
  }
  return body
}

const digest = (body: Uint8Array) => createHash('sha256').update(body).digest('hex')

const answer: Answer = ({ url }, response) => {
  if (!url.includes('chunked')) response.setHeader('content-length', BYTES)
  response.end(bodyOf(url))
}

/** Reads an answer, with a pause every so many chunks. */
async function read(port: number, path: string, pauseEvery: number): Promise<string> {
  const message = await new Promise<IncomingMessage>((resolve, reject) => {
    get({ host: '127.0.0.1', port, path, agent: false }, resolve).on('error', reject)
  })
  const hash = createHash('sha256')
  let chunks = 0
  for await (const chunk of message) {
    hash.update(chunk as Buffer)
    if (++chunks % pauseEvery === 0) await sleep(2)
  }
  return hash.digest('hex')
}

async function readMany(handlers: readonly TestHandlers[]): Promise<void> {
  const { gateway } = await startWithPlugins(handlers, { answer })
  const paths = ['/a', '/b', '/c', '/chunked/d', '/chunked/e', '/f', '/g', '/h']
  const digests = await Promise.all(
    // Some readers keep pace, others make the upstream wait.
    paths.map((path, i) => read(gateway.port, path, i % 2 === 0 ? Infinity : 3 + i)),
  )
  expect(digests).toEqual(paths.map((path) => digest(bodyOf(path))))
}

describe('large answers to readers fast and slow', () => {
  test('reach each of them byte for byte', () => readMany([]))

  test('also when a filter keeps every chunk until the end', async () => {
    const kept: Record<string, Uint8Array[]> = {}
    await readMany([
      {
        bodyFilter(pdk) {
          const chunks = (kept[pdk.request.getPath()] ??= [])
          chunks.push(pdk.response.getChunk())
        },
      },
    ])
    for (const [path, chunks] of Object.entries(kept)) {
      expect(digest(Buffer.concat(chunks)), path).toBe(digest(bodyOf(path)))
    }
  })
})
