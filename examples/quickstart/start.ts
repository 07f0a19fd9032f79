import { spawn } from 'node:child_process'
import { get } from 'node:http'
import { fileURLToPath } from 'node:url'
import { setTimeout as sleep } from 'node:timers/promises'
import { startUpstream } from './upstream.ts'

/**
 * `npm start`: an upstream, and a gateway in front of it with three routes: a plain one, one that
 * asks for a key, and one with a plugin that runs in a sandbox. Prints what to try.
 */
/** The one that the configuration names. */
const upstreamPort = Number(process.env['QUICKSTART_UPSTREAM_PORT'] ?? 8090)
/** A minute, for a machine that has other things to do; a start takes two seconds. */
const READY_ATTEMPTS = 600
const root = fileURLToPath(new URL('../..', import.meta.url))
const proxyListen = process.env['SALLYPORT_PROXY_LISTEN'] ?? '127.0.0.1:8000'
const config = process.env['SALLYPORT_CONFIG'] ?? 'examples/quickstart/kong.yml'

const upstream = await startUpstream(upstreamPort).catch((error: NodeJS.ErrnoException) => {
  const why = error.code === 'EADDRINUSE' ? 'the port is in use by another program' : error.message
  console.error(`quickstart: the upstream cannot listen on 127.0.0.1:${upstreamPort}: ${why}`)
  process.exit(1)
})

const gateway = spawn(
  process.execPath,
  [
    '--conditions=source',
    '--no-node-snapshot',
    'kernel/main.ts',
    'start',
    ...['--config', config],
    ...['--proxy-listen', proxyListen],
    ...['--plugin', 'examples/sallyport-plugin-hello'],
    ...process.argv.slice(2),
  ],
  { cwd: root, stdio: 'inherit' },
)
// Ctrl-C is told to the gateway by the terminal itself. A terminal that is closed is not: a gateway
// takes SIGHUP for the wish to read its file again, and would stay behind.
process.on('SIGINT', () => {})
for (const signal of ['SIGTERM', 'SIGHUP'] as const) {
  process.on(signal, () => gateway.kill('SIGTERM'))
}
gateway.on('exit', (code) => {
  upstream.close()
  upstream.closeAllConnections()
  process.exitCode = code ?? 1
})

if (await isReady(proxyListen)) printWhatToTry(`http://${proxyListen}`)
else if (gateway.exitCode === null) {
  console.error(
    `quickstart: http://${proxyListen}/plain gave no 200 within a minute; see the log above`,
  )
}

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
