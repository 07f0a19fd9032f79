import { spawn } from 'node:child_process'
import { get } from 'node:http'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { startUpstream } from './upstream.ts'

/**
 * `npm start`: an upstream, and a gateway in front of it with three routes: a plain one, one that
 * asks for a key, and one with a plugin that runs in a sandbox. Prints what to try.
 */
const UPSTREAM_PORT = 8090
const READY_ATTEMPTS = 100
const root = fileURLToPath(new URL('../..', import.meta.url))
const proxyListen = process.env['SALLYPORT_PROXY_LISTEN'] ?? '127.0.0.1:8000'
const config = 'examples/quickstart/kong.yml'

const upstream = await startUpstream(UPSTREAM_PORT).catch((error: NodeJS.ErrnoException) => {
  const why = error.code === 'EADDRINUSE' ? 'the port is in use by another program' : error.message
  console.error(`quickstart: the upstream cannot listen on 127.0.0.1:${UPSTREAM_PORT}: ${why}`)
  process.exit(1)
})

const gateway = spawn(
  process.execPath,
  [
    '--conditions=source',
    '--no-node-snapshot',
    'kernel/main.ts',
    'start',
    ...['--config', process.env['SALLYPORT_CONFIG'] ?? config],
    ...['--proxy-listen', proxyListen],
    ...['--plugin', 'examples/sallyport-plugin-hello'],
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit' },
)
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    // The terminal has told the gateway itself when it is Ctrl-C; a second word does no harm only
    // for SIGTERM, so that is what is passed on.
    if (signal === 'SIGTERM') gateway.kill(signal)
  })
}
gateway.on('exit', (code) => {
  upstream.close()
  upstream.closeAllConnections()
  process.exitCode = code ?? 1
})

if (await isReady(proxyListen)) printWhatToTry(`http://${proxyListen}`)

/** Whether the gateway answers; false when it has exited instead. */
async function isReady(address: string): Promise<boolean> {
  for (let attempt = 0; attempt < READY_ATTEMPTS && gateway.exitCode === null; attempt++) {
    const answered = await new Promise<boolean>((resolve) => {
      const request = get(`http://${address}/plain`, (response) => {
        response.resume()
        resolve(response.statusCode === 200)
      })
      request.on('error', () => resolve(false))
    })
    if (answered) return true
    await sleep(100)
  }
  return false
}

function printWhatToTry(url: string): void {
  console.log(`
Sallyport is running at ${url}, in front of an upstream that answers with what it was sent.
Try, in another terminal:

  curl -i ${url}/plain/anything?a=1
      A plain route: 200, the path reaches the upstream as /anything?a=1, with X-Forwarded-* and Via.

  curl -i ${url}/private
      401: the plugin key-auth asks for a key.

  curl -i ${url}/private -H 'apikey: open-sesame'
      200: the upstream is told X-Consumer-Username: shop-app; correlation-id adds X-Correlation-ID.

  curl -i ${url}/hello
      200 with "x-greeting: hello from the sandbox": set by the plugin in
      examples/sallyport-plugin-hello, which runs in a sandbox process of its own.

  curl -i ${url}/hello -H 'x-blocked: 1'
      403 {"message":"blocked"}: the sandboxed plugin answered, the upstream saw nothing.

  curl -i ${url}/nowhere
      404 {"message":"no Route matched with those values",..}

Edit ${config} and save: it is loaded at once; a mistake is told here and
changes nothing. Ctrl-C ends everything.
`)
}
