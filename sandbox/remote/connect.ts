import { EventEmitter } from 'node:events'
import { connect, type Socket } from 'node:net'
import type { ChildHandle, LaunchedChild } from '../process/launch.ts'

const SCHEME = 'unix:'

/** The path in the origin of a remote plugin, like `unix:/run/x.sock`. */
export function toSocketPath(origin: string): string {
  if (!origin.startsWith(SCHEME)) throw new Error(`${origin}: expected ${SCHEME} and a path`)
  return origin.slice(SCHEME.length)
}

/** Connects to a remote program. Rejects with an Error that names the socket and says why. */
export function connectRemote(path: string, timeoutMs: number): Promise<LaunchedChild> {
  return new Promise((resolve, reject) => {
    const socket = connect(path)
    const fail = (reason: string): void => {
      socket.destroy()
      reject(new Error(`cannot connect to ${path}: ${reason}`))
    }
    const timer = setTimeout(() => fail(`not accepted within ${timeoutMs} ms`), timeoutMs)
    const onError = (error: Error): void => {
      clearTimeout(timer)
      fail(error.message)
    }
    socket.once('error', onError)
    socket.once('connect', () => {
      clearTimeout(timer)
      socket.off('error', onError)
      resolve({ process: new RemoteEnd(socket), channel: socket })
    })
  })
}

/** Stands for a process that this one may not end: to kill it is to hang up. */
class RemoteEnd extends EventEmitter implements ChildHandle {
  readonly pid = undefined
  readonly stdin = null
  readonly stderr = null
  readonly #socket: Socket

  constructor(socket: Socket) {
    super()
    this.#socket = socket
    socket.once('close', () => this.emit('exit', 0, null))
  }

  kill(): boolean {
    this.#socket.destroy()
    return true
  }

  ref(): void {
    this.#socket.ref()
  }

  unref(): void {
    this.#socket.unref()
  }
}
