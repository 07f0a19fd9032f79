/**
 * `@sallyport/sdk/serve`: runs a plugin as a program of its own, for the tier `remote`.
 *
 *     import { serve } from '@sallyport/sdk/serve'
 *     import plugin from './plugin.js'
 *     await serve(plugin, { socket: '/run/my-plugin.sock' })
 *
 * The gateway is told `--plugin unix:/run/my-plugin.sock=remote`.
 */
import { unlinkSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { toAddressTest } from './address-test.ts'
import { FrameDecoder, FrameEncoder } from './codec.ts'
import { addMessage, MessageReader } from './message-codec.ts'
import { PluginService } from './guest/plugin-service.ts'
import { toManifest } from './manifest.ts'
import type { Plugin } from './plugin.ts'
import {
  type GatewayMessage,
  type HostMessage,
  type Message,
  PROTOCOL_VERSION,
  ProtocolError,
} from './protocol.ts'
import type { TSchema } from './schema.ts'

export interface ServeOptions {
  /**
   * The path of the Unix socket to listen on. Who may connect is decided by the rights of its folder
   * and by this process's umask. A socket that a program left behind is replaced.
   */
  readonly socket: string
}

export interface ServedPlugin {
  readonly socket: string
  /** Ends every connection and takes the socket away. */
  close(): Promise<void>
}

/**
 * Serves the plugin to every gateway that connects; resolves when it listens. A gateway's workers each
 * have a connection of their own, with its own `init`, `configure` and `close`; what the module keeps is
 * shared by all. Handlers run as plain functions of this process: globals are Node's, `console` is this
 * program's own, and nothing but the gateway's deadline limits them.
 *
 * Throws a `TypeError` when the plugin is none, and an `Error` when the socket cannot be listened on.
 */
export async function serve<const Schema extends TSchema>(
  plugin: Plugin<Schema>,
  { socket }: ServeOptions,
): Promise<ServedPlugin> {
  toManifest(plugin)
  const connections = new Set<Socket>()
  const server = createServer((connection) => {
    connections.add(connection)
    connection.once('close', () => connections.delete(connection))
    serveConnection(connection, plugin)
  })
  await listen(server, socket)
  return {
    socket,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        for (const connection of connections) connection.destroy()
      }),
  }
}

/** One gateway, from its `hello` to its end. Whatever breaks the protocol ends the connection. */
function serveConnection(socket: Socket, plugin: Plugin): void {
  const decoder = new FrameDecoder(new MessageReader('gateway').read)
  const encoder = new FrameEncoder()
  let isGreeted = false
  let isBroken = false
  const flush = (): void => {
    if (!socket.destroyed) socket.write(encoder.take())
  }
  const send = (message: HostMessage): void => {
    if (socket.destroyed) return
    if (encoder.length === 0) queueMicrotask(flush)
    addMessage(encoder, message)
  }
  const service = new PluginService({ plugin, send, toNative, usage })
  const take = (message: GatewayMessage): void => {
    if (isGreeted === (message.name === 'hello')) {
      throw new ProtocolError(isGreeted ? 'a second hello' : 'the first frame is no hello')
    }
    if (message.name !== 'hello') {
      service.work(message)
      return
    }
    isGreeted = true
    send(toWelcome(message, plugin))
  }
  socket.on('data', (bytes) => {
    if (isBroken) return
    try {
      decoder.push(bytes as Uint8Array, take)
    } catch {
      // Not the gateway that this was written for, or none at all: there is nobody to tell. What was
      // answered before goes out.
      isBroken = true
      flush()
      socket.destroySoon()
    }
  })
  socket.on('error', () => undefined)
  socket.on('close', () => service.end())
}

function toWelcome(hello: Message<'hello'>, plugin: Plugin): Message<'welcome'> {
  if (hello.protocol !== PROTOCOL_VERSION || !hello.encodings.includes('json')) {
    throw new ProtocolError('the gateway speaks another protocol')
  }
  const info = JSON.stringify({
    plugin: plugin.name,
    version: plugin.version,
    node: process.version,
  })
  return { name: 'welcome', id: hello.id, protocol: PROTOCOL_VERSION, encoding: 'json', info }
}

/** Of what an isolate has its host do, only this is not Node's own anyway. */
function toNative(trustedIps: readonly string[]): (name: string, text: string) => string {
  const isTrusted = toAddressTest(trustedIps)
  return (name, text) => (name === 'isTrusted' ? String(isTrusted(text)) : '')
}

function usage(): { cpuUs: number; heapBytes: number } {
  const { user, system } = process.cpuUsage()
  return { cpuUs: user + system, heapBytes: process.memoryUsage().heapUsed }
}

async function listen(server: Server, path: string): Promise<void> {
  try {
    await tryListen(server, path)
  } catch (error) {
    const isTaken = (error as NodeJS.ErrnoException).code === 'EADDRINUSE'
    if (!isTaken || (await isServed(path))) {
      throw new Error(`cannot listen on ${path}: ${(error as Error).message}`, { cause: error })
    }
    unlinkSync(path)
    await tryListen(server, path)
  }
}

function tryListen(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(path, () => {
      server.off('error', reject)
      resolve()
    })
  })
}

/** Whether a program listens on a socket that is there, or has only left it behind. */
function isServed(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = connect(path)
    probe.once('connect', () => {
      probe.destroy()
      resolve(true)
    })
    probe.once('error', ({ code }: NodeJS.ErrnoException) => resolve(code !== 'ECONNREFUSED'))
  })
}
