/**
 * A remote program that is evil: node evil-program.ts SOCKET MANIFEST SNIPPET. It listens on the
 * socket, serves the plugin of the manifest, says `ready`, and does to each call what its snippet
 * says. Nothing holds it back: whoever starts a remote program gives it what it has.
 */
import { createRequire } from 'node:module'
import { createServer } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { createEvilHost, type Evil } from './evil-host.ts'

const [path = '', manifest = '', snippet = ''] = process.argv.slice(2)
const AsyncFunction = (async () => undefined).constructor as new (...parts: string[]) => Evil
const evil = new AsyncFunction('sock', 'h', 'require', snippet)
const require = createRequire(import.meta.url)

const server = createServer((socket) => {
  const host = createEvilHost({
    ...{ evil, require, manifest: JSON.parse(manifest) as unknown, sock: socket },
    write: (bytes) => void socket.write(bytes),
    sleep: async (ms) => {
      await sleep(ms)
    },
  })
  // The gateway hangs up: that is what the attacks are about.
  socket.on('error', () => undefined)
  socket.on('data', (bytes: Buffer) => host.push(bytes))
})
server.listen(path, () => process.stdout.write('ready\n'))
