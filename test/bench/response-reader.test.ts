import { describe, expect, test } from 'vitest'
import { ResponseError, ResponseReader } from './response-reader.ts'

const ANSWERS = [
  'HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello',
  'HTTP/1.1 204 No Content\r\n\r\n',
  'HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 201 Created\r\ntransfer-encoding: chunked\r\n\r\n' +
    '5;note=x\r\nhello\r\nA\r\n0\r\n\r\n56789\r\n0\r\nx-trailer: 1\r\n\r\n',
  'HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n',
  'HTTP/1.1 503 Service Unavailable\r\ncontent-length:0\r\n\r\n',
].join('')
const STATUSES = [200, 204, 201, 304, 503]

function read(chunks: readonly string[]): number[] {
  const statuses: number[] = []
  const reader = new ResponseReader((status) => statuses.push(status))
  for (const chunk of chunks) reader.push(Buffer.from(chunk, 'latin1'))
  return statuses
}

describe('ResponseReader', () => {
  test('finds all answers in one piece', () => {
    expect(read([ANSWERS])).toEqual(STATUSES)
  })

  test('finds the same answers wherever the bytes are cut', () => {
    for (let at = 1; at < ANSWERS.length; at += 1) {
      expect(read([ANSWERS.slice(0, at), ANSWERS.slice(at)])).toEqual(STATUSES)
    }
    expect(read(ANSWERS.split(''))).toEqual(STATUSES)
  })

  test('waits for the last byte of a body', () => {
    expect(read(['HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell'])).toEqual([])
  })

  test.each([
    ['SSH-2.0-OpenSSH_9.2\r\n\r\n', 'not an answer'],
    ['HTTP/1.1 200 OK\r\nServer: x\r\n\r\n', 'neither Content-Length nor chunks'],
    ['HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n', 'not a chunk size'],
    ['x'.repeat(70_000), 'longer than 65536 bytes'],
  ])('refuses %j', (bytes, reason) => {
    expect(() => read([bytes])).toThrow(ResponseError)
    expect(() => read([bytes])).toThrow(reason)
  })
})
