import http from 'node:http'
import type { Child } from './children.ts'
import type { Row } from './rows.ts'

export interface Answer {
  readonly status: number
  /** By name in lower case. */
  readonly headers: Readonly<Record<string, unknown>>
  readonly body: string
  /** Bytes on the wire, head and body. */
  readonly bytes: number
}

/** What of a row says which answer is a good one. */
export type Expected = Pick<Row, 'requestHeaders' | 'answerHeaders'>

interface ProbeOptions {
  readonly port: number
  readonly headers: Readonly<Record<string, string>>
}

/** A gateway compiles its configuration and starts its sandboxes within this. */
const READY_TIMEOUT_MS = 20_000
const RETRY_MS = 50
const ANSWER_TIMEOUT_MS = 5_000

/**
 * Waits until the row's proxy gives a good answer and returns that. Throws with the last answer
 * when none comes in time, or with what the proxy wrote when it ends before.
 */
export async function waitUntilGood(
  row: Expected,
  { child, port, body }: { child: Child; port: number; body: string },
): Promise<Answer> {
  const deadline = performance.now() + READY_TIMEOUT_MS
  let last = 'nothing listens'
  while (performance.now() < deadline) {
    if (child.hasExited()) throw new Error(`it ended at once, saying: ${child.tail()}`)
    const answer = await probe({ port, headers: row.requestHeaders }).catch((error: Error) => error)
    if (answer instanceof Error) last = answer.message
    else {
      const faults = describeFaults(row, answer, body)
      if (faults.length === 0) return answer
      last = faults.join(', ')
    }
    await new Promise((resolve) => setTimeout(resolve, RETRY_MS))
  }
  throw new Error(`no good answer within ${READY_TIMEOUT_MS} ms: ${last}; it said: ${child.tail()}`)
}

/** What is wrong with an answer to the row's request; empty when it is good. */
export function describeFaults(row: Expected, answer: Answer, body: string): string[] {
  const faults: string[] = []
  if (answer.status !== 200) faults.push(`status ${answer.status}, 200 is wanted`)
  if (answer.body !== body) {
    faults.push(`body ${JSON.stringify(answer.body.slice(0, 200))}, the upstream's is wanted`)
  }
  for (const name of row.answerHeaders) {
    if (answer.headers[name] === undefined) faults.push(`no header "${name}"`)
  }
  return faults
}

/** Where a row's request must be refused when it comes without its headers: is it? */
export async function describeMissingRefusal(row: Row, port: number): Promise<string[]> {
  if (row.bareStatus === undefined) return []
  const { status } = await probe({ port, headers: {} })
  if (status === row.bareStatus) return []
  return [`the request without headers got ${status}, ${row.bareStatus} is wanted`]
}

/** One GET on a connection of its own. */
function probe({ port, headers }: ProbeOptions): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const options = { port, hostname: '127.0.0.1', headers, timeout: ANSWER_TIMEOUT_MS }
    // An agent of its own that keeps connections alive, or the answer would carry one header more
    // than those that are measured.
    const agent = new http.Agent({ keepAlive: true })
    const request = http.get({ ...options, agent }, (response) => {
      // The agent takes the socket back before the end is told.
      const { socket } = response
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        resolve({
          status: response.statusCode ?? 0,
          headers: response.headers,
          body: Buffer.concat(chunks).toString(),
          bytes: socket.bytesRead,
        })
        agent.destroy()
      })
    })
    request.on('timeout', () => request.destroy(new Error('no answer in time')))
    request.on('error', reject)
  })
}
