import { STATUS_CODES } from 'node:http'
import type { ReadonlyHeaderList } from '@sallyport/sdk'
import type { AnswerHead } from '../../exchange.ts'
import type { AnswerFraming } from '../answer-headers.ts'
import type { HeadWriter } from './head-writer.ts'
import { badName, HEADER_KIND, toHeaderName } from '../../header-name.ts'

/** The one answer that names the protocols it wants (RFC 9110, 15.5.22). */
const UPGRADE_REQUIRED = 426

/**
 * Writes the head of an answer. Headers by which a listener frames its messages and keeps its
 * connections are written anew; an answer without a body may still say how long it would be (RFC
 * 9110, 8.6). Throws on a header that is none.
 */
export function writeAnswerHead(
  heads: HeadWriter,
  head: AnswerHead,
  framing: AnswerFraming,
  connection: 'close' | 'keep-alive' | null,
): void {
  const { headers, status } = head
  heads.bytes(statusLine(status))
  let length = framing === 'length' ? String(head.bodyLength) : ''
  let hasDate = false
  let asksUpgrade = false
  for (let i = 0; i < headers.length; i += 2) {
    const name = toHeaderName(headers[i]!)
    if (name === null) throw badName(headers[i]!)
    const value = headers[i + 1]!
    if (name.kind !== HEADER_KIND.other) {
      if (name.kind === HEADER_KIND.contentLength) {
        if (framing === 'none' && /^\d+$/.test(value)) length = value
        continue
      }
      if (name.kind === HEADER_KIND.upgrade && status === UPGRADE_REQUIRED) asksUpgrade = true
      else if (isOfConnection(name.kind)) continue
      else if (name.kind === HEADER_KIND.trailer && framing !== 'chunked') continue
      else if (name.kind === HEADER_KIND.date) hasDate = true
    }
    heads.named(name, value)
  }
  if (!hasDate) heads.bytes(dateLine())
  if (framing === 'none' && length === '' && head.bodyLength > 0) length = String(head.bodyLength)
  if (framing === 'chunked') heads.bytes(CHUNKED)
  else if (length !== '' && status !== 204) heads.named(CONTENT_LENGTH, length)
  if (asksUpgrade) {
    heads.header('Connection', connection === null ? 'Upgrade' : `Upgrade, ${connection}`)
  } else if (connection !== null) {
    heads.bytes(connection === 'close' ? CONNECTION_CLOSE : CONNECTION_KEEP_ALIVE)
  }
}

/** The head of an informational answer; 101 has the two headers that hand the connection over. */
export function writeInformation(
  heads: HeadWriter,
  status: number,
  headers: ReadonlyHeaderList,
  upgrade: string | null,
): void {
  heads.bytes(statusLine(status))
  let named = false
  for (let i = 0; i < headers.length; i += 2) {
    const name = toHeaderName(headers[i]!)
    if (name === null) throw badName(headers[i]!)
    if (name.kind === HEADER_KIND.upgrade && upgrade !== null) named = true
    else if (isOfConnection(name.kind) || name.kind === HEADER_KIND.contentLength) continue
    heads.named(name, headers[i + 1]!)
  }
  if (upgrade === null) return
  heads.header('Connection', 'Upgrade')
  if (!named) heads.header('Upgrade', upgrade)
}

function isOfConnection(kind: number): boolean {
  return (
    kind === HEADER_KIND.connection ||
    kind === HEADER_KIND.transferEncoding ||
    kind === HEADER_KIND.keepAlive ||
    kind === HEADER_KIND.upgrade ||
    kind === HEADER_KIND.proxyConnection
  )
}

const statusLines: Buffer[] = []

function statusLine(status: number): Buffer {
  const known = statusLines[status]
  if (known !== undefined) return known
  const line = Buffer.from(`HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`)
  statusLines[status] = line
  return line
}

let dateBytes = Buffer.alloc(0)
let dateSecond = 0

function dateLine(): Buffer {
  const second = Math.floor(Date.now() / 1_000)
  if (second !== dateSecond) {
    dateSecond = second
    dateBytes = Buffer.from(`Date: ${new Date(second * 1_000).toUTCString()}\r\n`)
  }
  return dateBytes
}

const CONTENT_LENGTH = toHeaderName('Content-Length')!
const CHUNKED = Buffer.from('Transfer-Encoding: chunked\r\n')
const CONNECTION_CLOSE = Buffer.from('Connection: close\r\n')
const CONNECTION_KEEP_ALIVE = Buffer.from('Connection: keep-alive\r\n')
