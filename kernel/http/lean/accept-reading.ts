import { type Server, Socket, type SocketConstructorOpts } from 'node:net'

/** Who has a socket: where it reads into, and who is told. */
export interface SocketReader {
  /** What the next read goes into; undefined: the same memory again. */
  nextMemory(): Buffer | undefined
  /** The first bytes of the memory arrived. */
  onRead(bytes: number, memory: Buffer): void
}

/**
 * Makes a listening server hand out sockets that read into given memory. node:net can do that for
 * sockets that connect (`onread`), and its `Socket` takes the option from everybody, but its server
 * has no way to say it: so the handle's callback is taken over. Node reads into new memory for every
 * read otherwise, which costs a small request more than all its parsing. Returns false, and changes
 * nothing, where Node's insides are not as they have been from Node 12 to 26; sockets then come by
 * the event `connection` and give chunks. The server does not count the sockets, nor wait for them
 * when it is closed.
 */
export function acceptReading(
  server: Server,
  first: Buffer,
  onSocket: (socket: Socket) => SocketReader | null,
): boolean {
  const handle = (server as ServerInsides)._handle
  const before = handle?.onconnection
  if (handle === null || handle === undefined || typeof before !== 'function') return false
  handle.onconnection = function onConnection(status: number, accepted: unknown): void {
    if (status !== 0 || accepted === undefined) {
      before.call(handle, status, accepted)
      return
    }
    let reader: SocketReader | null = null
    const options: SocketOptions = {
      handle: accepted,
      allowHalfOpen: true,
      // Reading begins when somebody has the socket.
      manualStart: true,
      onread: {
        // Called before the first read and after each one. It may give nothing; the types do not say so.
        buffer: () => (reader === null ? first : reader.nextMemory()) as Buffer,
        callback: (bytes, memory) => {
          reader!.onRead(bytes, memory as Buffer)
          return true
        },
      },
    }
    const socket = new Socket(options as SocketConstructorOpts)
    reader = onSocket(socket)
    if (reader !== null) socket.read(0)
  }
  return true
}

type OnConnection = (status: number, accepted: unknown) => void
type ServerInsides = { _handle?: { onconnection?: OnConnection } | null }
type SocketOptions = Omit<SocketConstructorOpts, 'handle'> & {
  handle: unknown
  manualStart: boolean
}
