import { STATUS_CODES } from 'node:http'

/** Why a message was not made an exchange of: the status it gets and what the access log says. */
export interface Refusal {
  readonly status: number
  readonly reason: string
}

/** What a refused client is told; the precise reason is for the access log only. */
const MESSAGES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  405: 'Method not allowed',
  408: 'Request timeout',
  414: 'URI too long',
  417: 'Expectation failed',
  431: 'Request header or cookie too large',
  501: 'Not implemented',
  505: 'HTTP version not supported',
}

export function toRefusalBody(status: number): string {
  return JSON.stringify({ message: MESSAGES[status] ?? STATUS_CODES[status] ?? 'Bad request' })
}

/** A whole answer in bytes, for when there is nothing but a socket to answer on. */
export function toRefusalMessage(status: number): string {
  const body = toRefusalBody(status)
  return (
    `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Bad Request'}\r\n` +
    `Date: ${new Date().toUTCString()}\r\n` +
    'Content-Type: application/json; charset=utf-8\r\n' +
    `Content-Length: ${Buffer.byteLength(body)}\r\n` +
    `Connection: close\r\n\r\n${body}`
  )
}
