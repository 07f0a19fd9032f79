import { type Agent, type IncomingHttpHeaders, request } from 'node:http'

export interface Asked {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: string
  /** From sending to the end of the answer. */
  readonly ms: number
}

export interface AskOptions {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Uint8Array | string
  /** A connection of its own without one. */
  readonly agent?: Agent
  readonly timeoutMs?: number
}

/** No attack may keep its client waiting for so long. */
const TIMEOUT_MS = 10_000

/** One request; rejects when there is no whole answer. */
export function ask(port: number, path: string, options: AskOptions = {}): Promise<Asked> {
  const { method = 'GET', headers = {}, body, agent, timeoutMs = TIMEOUT_MS } = options
  const startedMs = performance.now()
  return new Promise((resolve, reject) => {
    const length = body === undefined ? {} : { 'content-length': String(Buffer.byteLength(body)) }
    const asked = request(
      {
        ...{ host: '127.0.0.1', port, path, method, agent: agent ?? false },
        headers: { ...length, ...headers },
      },
      (response) => {
        let text = ''
        response.setEncoding('latin1').on('data', (chunk: string) => (text += chunk))
        response.on('error', reject)
        response.on('end', () => {
          const { statusCode: status = 0, headers: received } = response
          resolve({ status, headers: received, body: text, ms: performance.now() - startedMs })
        })
      },
    )
    asked.setTimeout(timeoutMs, () =>
      asked.destroy(new Error(`no answer to ${method} ${path} within ${timeoutMs} ms`)),
    )
    asked.on('error', reject)
    asked.end(body)
  })
}
