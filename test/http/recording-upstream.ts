import { once } from 'node:events'
import { type AddressInfo, createServer, type Server, type Socket } from 'node:net'

/** A request as it stood on the wire, read by a few lines of code that forgive nothing. */
export interface RecordedRequest {
  readonly method: string
  readonly path: string
  /** Names in lower case, in their order. */
  readonly headers: readonly (readonly [name: string, value: string])[]
  /** latin1. */
  readonly body: string
}

/** An upstream that keeps every byte it gets and answers each whole request with 200. */
export class RecordingUpstream {
  readonly requests: RecordedRequest[] = []
  /** What no request came of: reasons, with the bytes. */
  readonly problems: string[] = []
  readonly #server: Server
  readonly #sockets = new Set<Socket>()
  readonly #rests = new Map<Socket, string>()

  private constructor() {
    this.#server = createServer((socket) => this.#onConnection(socket))
  }

  static async listen(): Promise<RecordingUpstream> {
    const upstream = new RecordingUpstream()
    upstream.#server.listen(0, '127.0.0.1')
    await once(upstream.#server, 'listening')
    return upstream
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port
  }

  /** Requests that have begun to arrive and are not whole, on connections that are still open. */
  get unfinished(): string[] {
    return [...this.#rests.values()].filter((rest) => rest !== '')
  }

  forget(): void {
    this.requests.length = this.problems.length = 0
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy()
    this.#server.close()
    await once(this.#server, 'close')
  }

  #onConnection(socket: Socket): void {
    this.#sockets.add(socket)
    this.#rests.set(socket, '')
    socket.on('data', (chunk: Buffer) => {
      let rest: string | null = this.#rests.get(socket)! + chunk.toString('latin1')
      while (rest !== null && rest !== '') {
        this.#rests.set(socket, rest)
        rest = this.#take(socket, rest)
      }
      if (rest === '') this.#rests.set(socket, '')
    })
    socket.on('error', () => {})
    socket.on('close', () => {
      this.#sockets.delete(socket)
      this.#rests.delete(socket)
    })
  }

  /** What is left after one request; null when it is not whole. */
  #take(socket: Socket, text: string): string | null {
    const headEnd = text.indexOf('\r\n\r\n')
    if (headEnd === -1) return null
    const [line = '', ...lines] = text.slice(0, headEnd).split('\r\n')
    const request = /^([^ ]+) ([^ ]+) HTTP\/1\.1$/.exec(line)
    const headers = lines.map(toHeader)
    const body = request === null ? 'the request line' : takeBody(headers, text.slice(headEnd + 4))
    if (typeof body === 'string') {
      this.problems.push(`${body}: ${JSON.stringify(text)}`)
      socket.destroy()
      return null
    }
    if (body === null) return null
    const [, method = '', path = ''] = request!
    this.requests.push({ method, path, headers, body: body.text })
    const answer = method === 'HEAD' ? '' : 'ok'
    socket.write(`HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n${answer}`)
    return body.rest
  }
}

function toHeader(line: string): [string, string] {
  const colon = line.indexOf(': ')
  return [line.slice(0, colon).toLowerCase(), line.slice(colon + 2)]
}

type Body = { readonly text: string; readonly rest: string }

/** A string says what is wrong with how the body is framed; null when it is not whole. */
function takeBody(
  headers: readonly (readonly [string, string])[],
  text: string,
): Body | string | null {
  const lengths = headers.filter(([name]) => name === 'content-length')
  const codings = headers.filter(([name]) => name === 'transfer-encoding')
  if (lengths.length + codings.length > 1) return 'two framings'
  if (headers.filter(([name]) => name === 'host').length !== 1) return 'not one Host'
  if (headers.some(([name]) => name === '')) return 'a header that is none'
  const [length] = lengths
  if (length !== undefined) {
    if (!/^(?:0|[1-9]\d*)$/.test(length[1])) return 'a length that is none'
    const end = Number(length[1])
    return text.length < end ? null : { text: text.slice(0, end), rest: text.slice(end) }
  }
  const [coding] = codings
  if (coding === undefined) return { text: '', rest: text }
  return coding[1] === 'chunked' ? takeChunks(text) : 'a coding other than chunked'
}

function takeChunks(text: string): Body | string | null {
  let body = ''
  for (let at = 0; ;) {
    const lineEnd = text.indexOf('\r\n', at)
    if (lineEnd === -1) return null
    const size = text.slice(at, lineEnd)
    if (!/^(?:0|[1-9a-f][0-9a-f]*)$/.test(size)) return `the chunk size ${JSON.stringify(size)}`
    if (size === '0') {
      const end = text.startsWith('\r\n', lineEnd + 2)
        ? lineEnd
        : text.indexOf('\r\n\r\n', lineEnd + 2)
      return text.length < lineEnd + 4 || end === -1
        ? null
        : { text: body, rest: text.slice(end + 4) }
    }
    const from = lineEnd + 2
    const end = from + Number.parseInt(size, 16)
    if (text.length < end + 2) return null
    if (text.slice(end, end + 2) !== '\r\n') return 'a chunk longer than its size'
    body += text.slice(from, end)
    at = end + 2
  }
}
