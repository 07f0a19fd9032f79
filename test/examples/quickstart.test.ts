import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { once } from 'node:events'
import { type AddressInfo, createServer } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect, onTestFinished, test } from 'vitest'
import { until } from '../support/test-primary.ts'

const root = fileURLToPath(new URL('../..', import.meta.url))

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}

/** The quickstart, its upstream and its gateway on free ports. */
async function startQuickstart() {
  const [upstreamPort, port] = [await freePort(), await freePort()]
  const config = join(mkdtempSync(join(tmpdir(), 'sallyport-quickstart-')), 'kong.yml')
  const text = readFileSync(join(root, 'examples/quickstart/kong.yml'), 'utf8')
  writeFileSync(config, text.replace(':8090', `:${upstreamPort}`))
  const child = spawn(process.execPath, ['--conditions=source', 'examples/quickstart/start.ts'], {
    cwd: root,
    env: {
      ...process.env,
      SALLYPORT_CONFIG: config,
      SALLYPORT_PROXY_LISTEN: `127.0.0.1:${port}`,
      SALLYPORT_STATUS_LISTEN: 'off',
      QUICKSTART_UPSTREAM_PORT: String(upstreamPort),
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  onTestFinished(() => void child.kill('SIGTERM'))
  let out = ''
  child.stdout.on('data', (chunk: Buffer) => (out += chunk.toString()))
  const ended = once(child, 'exit')
  await until(() => out.includes('Ctrl-C ends everything') || child.exitCode !== null)
  return { child, ended, url: `http://127.0.0.1:${port}`, printed: out }
}

test(
  'the curl lines that the quickstart prints do what it says they do',
  { timeout: 90_000 },
  async () => {
    const { printed, url } = await startQuickstart()
    const lines = [
      ...printed.matchAll(/curl -i (\S+)(?: -H '([^:]+): ([^']+)')?\n\s+(.+(?:\n {6}.+)*)/g),
    ]
    expect(lines).toHaveLength(6)
    for (const [line, asked = '', name, value = '', says = ''] of lines) {
      expect(asked.startsWith(`${url}/`)).toBe(true)
      const answer = await fetch(asked, name === undefined ? {} : { headers: { [name]: value } })
      const body = await answer.text()
      expect([answer.status, line]).toEqual([Number(/\b[2-5]\d\d\b/.exec(says)?.[0]), line])
      const header = /"(\S+): ([^"]+)"/.exec(says)
      if (header !== null) expect(answer.headers.get(header[1]!)).toBe(header[2])
      const message = /\{"message":"([^"]+)"/.exec(says)
      if (message !== null) expect(JSON.parse(body)).toMatchObject({ message: message[1] })
    }
  },
)

test(
  'the quickstart ends with its terminal, and its gateway with it',
  { timeout: 90_000 },
  async () => {
    const { child, ended, url } = await startQuickstart()
    child.kill('SIGHUP')
    await ended
    await expect(fetch(`${url}/plain`)).rejects.toThrow('fetch failed')
  },
)
