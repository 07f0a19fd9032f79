import { STATUS_CODES } from 'node:http'
import type { ReadonlyHeaderList } from '@sallyport/sdk'
import type { AnswerHead } from '../../exchange.ts'
import type { AnswerFraming } from '../answer-headers.ts'
import { badName } from './header-lines.ts'
import { HEADER_KIND, toHeaderName } from './header-name.ts'

/** A head as text, and how many lines it has. One object serves every answer: writing never waits. */
export interface HeadText {
  text: string
  lines: number
}

/** The one answer that names the protocols it wants (RFC 9110, 15.5.22). */
const UPGRADE_REQUIRED = 426

const written: HeadText = { text: '', lines: 0 }

/**
 * The head of an answer. Headers by which a listener frames its messages and keeps its connections
 * are written anew; an answer without a body may still say how long it would be (RFC 9110, 8.6).
 * Throws on a header name that is none.
 */
export function writeAnswerHead(
  head: AnswerHead,
  framing: AnswerFraming,
  connection: 'close' | 'keep-alive' | null,
): HeadText {
  const { headers } = head
  let text = statusLine(head.status)
  let lines = 2
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
      if (name.kind === HEADER_KIND.upgrade && head.status === UPGRADE_REQUIRED) {
        text += 'Upgrade: ' + value + '\r\n'
        asksUpgrade = true
        lines++
        continue
      }
      if (isOfConnection(name.kind) || (name.kind === HEADER_KIND.trailer && framing !== 'chunked'))
        continue
      if (name.kind === HEADER_KIND.date) hasDate = true
    }
    text += name.name + ': ' + value + '\r\n'
    lines++
  }
  if (!hasDate) {
    text += dateLine()
    lines++
  }
  if (framing === 'none' && length === '' && head.bodyLength > 0) length = String(head.bodyLength)
  if (framing === 'chunked') {
    text += 'Transfer-Encoding: chunked\r\n'
    lines++
  } else if (length !== '' && head.status !== 204) {
    text += 'Content-Length: ' + length + '\r\n'
    lines++
  }
  if (asksUpgrade) {
    text +=
      connection === null ? 'Connection: Upgrade\r\n' : `Connection: Upgrade, ${connection}\r\n`
    lines++
  } else if (connection !== null) {
    text += connection === 'close' ? 'Connection: close\r\n' : 'Connection: keep-alive\r\n'
    lines++
  }
  written.text = text + '\r\n'
  written.lines = lines
  return written
}

/** The head of an informational answer; 101 has the two headers that hand the connection over. */
export function writeInformation(
  status: number,
  headers: ReadonlyHeaderList,
  upgrade: string | null,
): HeadText {
  let text = statusLine(status)
  let lines = 2
  let named = false
  for (let i = 0; i < headers.length; i += 2) {
    const name = toHeaderName(headers[i]!)
    if (name === null) throw badName(headers[i]!)
    if (name.kind === HEADER_KIND.upgrade && upgrade !== null) named = true
    else if (isOfConnection(name.kind) || name.kind === HEADER_KIND.contentLength) continue
    text += name.name + ': ' + headers[i + 1]! + '\r\n'
    lines++
  }
  if (upgrade !== null) {
    text += named ? 'Connection: Upgrade\r\n' : `Connection: Upgrade\r\nUpgrade: ${upgrade}\r\n`
    lines += named ? 1 : 2
  }
  written.text = text + '\r\n'
  written.lines = lines
  return written
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

const statusLines: string[] = []

function statusLine(status: number): string {
  return (statusLines[status] ??= `HTTP/1.1 ${status} ${STATUS_CODES[status] ?? 'Unknown'}\r\n`)
}

let dateText = ''
let dateSecond = 0

function dateLine(): string {
  const second = Math.floor(Date.now() / 1_000)
  if (second !== dateSecond) {
    dateSecond = second
    dateText = `Date: ${new Date(second * 1_000).toUTCString()}\r\n`
  }
  return dateText
}
