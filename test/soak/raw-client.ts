import { once } from 'node:events'
import { connect, type Socket } from 'node:net'

export interface ReceivedAnswer {
  readonly status: number
  readonly head: string
  readonly body: Buffer
}

interface Waiting {
  readonly resolve: (answer: ReceivedAnswer) => void
  readonly reject: (error: Error) => void
}

/** One connection that says byte by byte what it is told and reads whole answers. */
export class RawClient {
  readonly socket: Socket
  readonly #waiting: Waiting[] = []
  #pieces: Buffer[] = []
  #bytes = 0
  /** Nothing can be read before so many bytes are there. */
  #wanted = 0
  #ended: Error | null = null

  private constructor(socket: Socket) {
    this.socket = socket
    socket.setNoDelay(true)
    socket.on('data', (chunk: Buffer) => this.#onData(chunk))
    socket.on('error', (error) => this.#end(error))
    socket.on('close', () => this.#end(new Error('the connection was closed')))
  }

  static async open(port: number): Promise<RawClient> {
    const socket = connect({ port, host: '127.0.0.1' })
    await once(socket, 'connect')
    return new RawClient(socket)
  }

  send(bytes: string | Buffer): void {
    this.socket.write(typeof bytes === 'string' ? Buffer.from(bytes, 'latin1') : bytes)
  }

  /** The next answer that nobody waits for yet; rejects when the connection ends before its end. */
  answer(): Promise<ReceivedAnswer> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ resolve, reject })
      this.#read()
      if (this.#ended !== null) this.#end(this.#ended)
    })
  }

  close(): void {
    this.socket.destroy()
  }

  /** Hands over the bare socket, with what has arrived behind the last answer. */
  release(): { socket: Socket; rest: Buffer } {
    this.socket.removeAllListeners('data')
    const rest = Buffer.concat(this.#pieces)
    return { socket: this.socket, rest }
  }

  #onData(chunk: Buffer): void {
    this.#pieces.push(chunk)
    this.#bytes += chunk.length
    this.#read()
  }

  #read(): void {
    while (this.#waiting.length > 0 && this.#bytes >= this.#wanted) {
      const bytes = Buffer.concat(this.#pieces)
      const read = readAnswer(bytes)
      if (typeof read === 'number') {
        this.#pieces = [bytes]
        this.#wanted = read
        return
      }
      this.#pieces = read.rest.length === 0 ? [] : [read.rest]
      this.#bytes = read.rest.length
      this.#wanted = 1
      if (read.answer.status !== 100) this.#waiting.shift()!.resolve(read.answer)
    }
  }

  #end(error: Error): void {
    this.#ended ??= error
    for (const { reject } of this.#waiting.splice(0)) reject(this.#ended)
  }
}

/** A number says how many bytes are needed before it is worth looking again. */
function readAnswer(bytes: Buffer): number | { answer: ReceivedAnswer; rest: Buffer } {
  const headEnd = bytes.indexOf('\r\n\r\n')
  if (headEnd === -1) return bytes.length + 1
  const head = bytes.toString('latin1', 0, headEnd)
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(head)?.[1] ?? Number.NaN)
  const from = headEnd + 4
  const bodiless = status < 200 || status === 204 || status === 304
  const length = bodiless ? '0' : /\r\ncontent-length: (\d+)/i.exec(head)?.[1]
  if (length === undefined) return readChunks(bytes, from, { status, head })
  const end = from + Number(length)
  if (bytes.length < end) return end
  const answer = { status, head, body: bytes.subarray(from, end) }
  return { answer, rest: bytes.subarray(end) }
}

function readChunks(
  bytes: Buffer,
  from: number,
  { status, head }: { status: number; head: string },
) {
  const pieces: Buffer[] = []
  for (let at = from; ;) {
    const lineEnd = bytes.indexOf('\r\n', at)
    if (lineEnd === -1) return bytes.length + 1
    const size = Number.parseInt(bytes.toString('latin1', at, lineEnd), 16)
    const end = lineEnd + 2 + size
    if (bytes.length < end + 2) return end + 2
    if (size === 0) {
      const answer = { status, head, body: Buffer.concat(pieces) }
      return { answer, rest: bytes.subarray(end + 2) }
    }
    pieces.push(bytes.subarray(lineEnd + 2, end))
    at = end + 2
  }
}
