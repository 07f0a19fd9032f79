import { type ChildProcess, spawn } from 'node:child_process'
import { appendFileSync, existsSync, mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:http'
import { type AddressInfo, createServer as createTcpServer } from 'node:net'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isAlive, until } from '../../support/test-primary.ts'

const main = fileURLToPath(new URL('../../../kernel/main.ts', import.meta.url))

interface LogLine {
  status?: string
  level: string
  msg: string
  proxy?: string
  workerPid?: number
  version?: number
  errors?: string[]
}

class Run {
  out = ''
  error = ''
  readonly child: ChildProcess
  readonly ended: Promise<number | null>

  constructor(folder: string, args: readonly string[]) {
    const argv = ['--conditions=source', '--no-node-snapshot', main, ...args]
    this.child = spawn(process.execPath, argv, { cwd: folder, stdio: ['ignore', 'pipe', 'pipe'] })
    this.child.stdout!.on('data', (chunk: Buffer) => (this.out += chunk.toString()))
    this.child.stderr!.on('data', (chunk: Buffer) => (this.error += chunk.toString()))
    this.ended = once(this.child, 'close').then(([code]) => code as number | null)
    onTestFinished(() => void this.child.kill('SIGKILL'))
  }

  get log(): LogLine[] {
    const lines = this.error.split('\n').slice(0, -1)
    return lines.filter((line) => line.startsWith('{')).map((line) => JSON.parse(line) as LogLine)
  }

  async logged(text: string): Promise<LogLine> {
    const find = () => this.log.find((line) => line.msg.includes(text))
    await until(() => find() !== undefined || this.child.exitCode !== null)
    return find()!
  }
}

/** A folder with a declarative file for an upstream that takes its time when it is asked to. */
async function folderWithUpstream(): Promise<string> {
  const upstream = createServer((request, response) => {
    const ms = Number(new URL(request.url!, 'http://upstream').searchParams.get('ms'))
    setTimeout(() => response.end(`upstream ${request.url}`), ms)
  })
  await once(upstream.listen(0, '127.0.0.1'), 'listening')
  onTestFinished(() => {
    upstream.closeAllConnections()
    upstream.close()
  })
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-main-'))
  const { port } = upstream.address() as AddressInfo
  writeFileSync(
    join(folder, 'kong.yml'),
    `_format_version: "3.0"
services:
  - name: one
    url: http://127.0.0.1:${port}
    routes:
      - { name: first, paths: [/first] }
`,
  )
  return folder
}

async function startGateway(folder: string, ...args: string[]) {
  const run = new Run(folder, [
    ...['start', '--config', 'kong.yml', '--proxy-listen', '127.0.0.1:0', '--status-listen', 'off'],
    ...args,
  ])
  const ready = await run.logged('the gateway is ready')
  expect(ready, run.error).toBeDefined()
  return { run, url: `http://${ready.proxy}` }
}

describe('start', () => {
  test('proxies, writes the access log to stdout, and ends with code 0 on SIGTERM', async () => {
    const { run, url } = await startGateway(await folderWithUpstream(), '--workers', '2')
    const answer = await fetch(`${url}/first/thing?key=hidden`)
    expect([answer.status, await answer.text()]).toEqual([200, 'upstream /thing?key=hidden'])
    const slow = fetch(`${url}/first?ms=500`)
    await fetch(`${url}/first`)
    run.child.kill('SIGTERM')
    expect((await slow).status).toBe(200)
    expect(await run.ended).toBe(0)
    const entries = run.out
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { path: string })
    expect(entries.map(({ path }) => path).toSorted()).toEqual(['/first', '/first', '/first/thing'])
    expect(run.out + run.error).not.toContain('hidden')
    for (const { workerPid } of run.log)
      expect(workerPid === undefined || !isAlive(workerPid)).toBe(true)
  })

  test('serves a plugin that is a program of its own, and ends while that runs on', async () => {
    const folder = await folderWithUpstream()
    const socket = join(folder, 'far.sock')
    const sdk = new URL('../../../sdk/serve.ts', import.meta.url).href
    writeFileSync(
      join(folder, 'far.mjs'),
      `import { serve } from '${sdk}'
       const access = async (pdk, { word }) => {
         const { rss } = await pdk.node.getMemoryStats()
         pdk.response.setHeader('x-far', [word, typeof rss, String(process.pid)])
       }
       const config = { type: 'object', properties: { word: { type: 'string', default: 'hello' } } }
       await serve({ name: 'far', version: '1.0.0', config, access }, { socket: '${socket}' })`,
    )
    const argv = ['--conditions=source', 'far.mjs']
    const program = spawn(process.execPath, argv, { cwd: folder, stdio: 'inherit' })
    onTestFinished(() => void program.kill('SIGKILL'))
    appendFileSync(join(folder, 'kong.yml'), 'plugins: [{ name: far }]\n')
    const { run, url } = await startGateway(folder, '--plugin', 'unix:far.sock=remote')
    const answer = await fetch(`${url}/first`)
    expect([answer.status, answer.headers.get('x-far')]).toEqual([
      200,
      `hello, number, ${program.pid}`,
    ])
    run.child.kill('SIGTERM')
    expect(await run.ended).toBe(0)
    expect(program.exitCode).toBeNull()
  })

  test('that is told to end leaves no worker behind that is stuck in a plugin', async () => {
    const folder = await folderWithUpstream()
    writeFileSync(
      join(folder, 'stuck.mjs'),
      `import { writeFileSync, renameSync } from 'node:fs'
       export default {
         name: 'stuck',
         version: '1.0.0',
         init() {
           writeFileSync('pid.part', String(process.pid))
           renameSync('pid.part', 'pid')
           for (;;);
         },
       }`,
    )
    const file = join(folder, 'kong.yml')
    writeFileSync(file, `${readFileSync(file, 'utf8')}plugins: [{ name: stuck }]\n`)
    const run = new Run(folder, [
      ...[
        'start',
        '--config',
        'kong.yml',
        '--proxy-listen',
        '127.0.0.1:0',
        '--status-listen',
        'off',
      ],
      ...['--plugin', 'stuck.mjs=inline'],
    ])
    await until(() => existsSync(join(folder, 'pid')))
    const pid = Number(readFileSync(join(folder, 'pid'), 'utf8'))
    onTestFinished(() => {
      if (isAlive(pid)) process.kill(pid, 'SIGKILL')
    })
    expect(isAlive(pid)).toBe(true)
    run.child.kill('SIGTERM')
    await run.ended
    await until(() => !isAlive(pid))
  })

  test('ends at once with code 1 on a second signal', async () => {
    const { run, url } = await startGateway(await folderWithUpstream())
    const slow = fetch(`${url}/first?ms=20000`)
    slow.catch(() => {})
    await fetch(`${url}/first`)
    run.child.kill('SIGINT')
    await run.logged('the gateway stops')
    await new Promise((resolve) => setTimeout(resolve, 400))
    run.child.kill('SIGINT')
    expect(await run.ended).toBe(1)
    await expect(slow).rejects.toThrow('fetch failed')
  })

  test('takes one Ctrl-C that arrives twice for one', async () => {
    const { run, url } = await startGateway(await folderWithUpstream())
    const slow = fetch(`${url}/first?ms=600`)
    await fetch(`${url}/first`)
    run.child.kill('SIGINT')
    await run.logged('the gateway stops')
    run.child.kill('SIGINT')
    expect((await slow).status).toBe(200)
    expect(await run.ended).toBe(0)
  })

  test('reloads the file when it changes and on SIGHUP, and keeps the one before a bad one', async () => {
    const folder = await folderWithUpstream()
    const { run, url } = await startGateway(folder)
    const file = join(folder, 'kong.yml')
    const text = readFileSync(file, 'utf8')
    writeFileSync(file, text.replaceAll('first', 'second'))
    expect(await run.logged('was reloaded')).toMatchObject({ version: 2 })
    expect((await fetch(`${url}/second`)).status).toBe(200)
    writeFileSync(file, text.replace('/first', 'first').replace('name: one', 'name: "#"'))
    const refused = await run.logged('stays in force')
    expect(refused.level).toBe('error')
    expect(refused.errors).toHaveLength(2)
    expect(refused.errors![0]).toContain('kong.yml:3:')
    expect((await fetch(`${url}/second`)).status).toBe(200)
    writeFileSync(file, text.replaceAll('first', 'second'))
    run.child.kill('SIGHUP')
    expect(await run.logged('has not changed')).toMatchObject({ level: 'info' })
  })

  test('loses no request that begins while its only worker is replaced', async () => {
    const { run, url } = await startGateway(await folderWithUpstream())
    const { workerPid } = await run.logged('a worker serves')
    process.kill(workerPid!, 'SIGKILL')
    await until(() => !isAlive(workerPid!))
    const answers = await Promise.all([1, 2, 3, 4].map(() => fetch(`${url}/first`)))
    expect(answers.map(({ status }) => status)).toEqual([200, 200, 200, 200])
  })
})

describe.each(['inline', 'isolate', 'process'])(
  'a plugin that is loaded into the tier %s',
  (tier) => {
    test('is known to check and runs in start, wherever its file lies', async () => {
      const folder = await folderWithUpstream()
      writeFileSync(
        join(folder, 'hello.mjs'),
        `import { definePlugin, Type } from '@sallyport/sdk'
       export default definePlugin({
         name: 'hello',
         version: '1.0.0',
         config: Type.Object({ greeting: Type.String({ default: 'good day' }) }),
         access(pdk, config) { pdk.response.setHeader('x-greeting', config.greeting) },
       })`,
      )
      const file = join(folder, 'kong.yml')
      writeFileSync(file, `${readFileSync(file, 'utf8')}plugins: [{ name: hello }]\n`)
      const check = new Run(folder, ['check', 'kong.yml', '--plugin', `hello.mjs=${tier}`])
      expect([await check.ended, check.error]).toEqual([0, ''])
      const { url } = await startGateway(folder, '--plugin', `hello.mjs=${tier}`)
      expect((await fetch(`${url}/first`)).headers.get('x-greeting')).toBe('good day')
    })
  },
)

describe('start ends with one sentence and code 1', () => {
  test('for each error of a bad file', async () => {
    const folder = await folderWithUpstream()
    const file = join(folder, 'kong.yml')
    writeFileSync(
      file,
      readFileSync(file, 'utf8').replace('/first', 'first').replace('name: one', 'name: "#"'),
    )
    const run = new Run(folder, ['start', '--config', 'kong.yml'])
    expect(await run.ended).toBe(1)
    expect(run.error.trimEnd().split('\n')).toHaveLength(2)
    expect(run.error).toMatch(/^sallyport: kong\.yml:3:/)
  })

  test('when the address is in use', async () => {
    const other = createTcpServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = `127.0.0.1:${(other.address() as AddressInfo).port}`
    const run = new Run(await folderWithUpstream(), [
      ...['start', '--config', 'kong.yml', '--proxy-listen', address, '--status-listen', 'off'],
    ])
    expect(await run.ended).toBe(1)
    expect(run.error).toBe(`sallyport: cannot listen on ${address}: the address is in use\n`)
    other.close()
  })

  test('when the file is missing', async () => {
    const run = new Run(tmpdir(), ['start', '--config', '/nowhere/kong.yml'])
    expect(await run.ended).toBe(1)
    expect(run.error).toMatch(/^sallyport: \/nowhere\/kong\.yml: cannot be read: ENOENT[^\n]*\n$/)
  })
})

describe('limits', () => {
  test('that the operator changes hold in every part, and so do those that a tenant lowers', async () => {
    const folder = await folderWithUpstream()
    writeFileSync(join(folder, 'sallyport.yml'), 'limits: { headersMax: 20, logLinesMax: 3 }\n')
    writeFileSync(
      join(folder, 'lines.js'),
      `export default {
        name: 'lines', version: '1.0.0',
        access(pdk) { for (let i = 0; i < 10; i++) pdk.log.warn('line of ' + pdk.request.getPath()) },
      }`,
    )
    const file = join(folder, 'kong.yml')
    const routes = `      - { name: first, paths: [/first], plugins: [{ name: lines }] }
      - { name: own, paths: [/own], tenant: red, plugins: [{ name: lines }] }
tenants: [{ name: red, limits: { logLinesMax: 2 } }]`
    const plain = '      - { name: first, paths: [/first] }'
    writeFileSync(file, readFileSync(file, 'utf8').replace(plain, routes))
    const flags = ['--plugin', 'lines.js', '--limit', 'logLinesMax=5']
    const { run, url } = await startGateway(folder, ...flags)
    const linesOf = (path: string) => run.log.filter(({ msg }) => msg === `line of ${path}`).length
    for (const path of ['/first', '/own']) expect((await fetch(url + path)).status).toBe(200)
    // The last line that is allowed says that others were dropped.
    await until(() => linesOf('/first') === 4 && linesOf('/own') === 1)
    const headers = Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`x-${i}`, '1']))
    expect((await fetch(`${url}/first`, { headers })).status).toBe(431)

    writeFileSync(file, readFileSync(file, 'utf8').replace('logLinesMax: 2', 'logLinesMax: 6'))
    const refused = await run.logged('stays in force')
    expect(refused.errors).toEqual([
      expect.stringContaining(
        'tenant "red": limits.logLinesMax: must be a whole number from 1 to 5, got 6',
      ),
    ])
    writeFileSync(file, readFileSync(file, 'utf8').replace('logLinesMax: 6', 'logLinesMax: 4'))
    await run.logged('was reloaded')
    await fetch(`${url}/own`)
    await until(() => linesOf('/own') === 1 + 3)
  }, 60_000)

  test.each([
    [['--limit', 'handlerCpu=5'], 'there is no limit "handlerCpu"; did you mean "handlerCpuMs"?'],
    [['--limit', 'loadMs=1'], 'loadMs 1: expected a whole number from 50 to 60000'],
  ])(
    'that cannot be changed like %j end the start with one sentence and code 2',
    async (flags, text) => {
      const folder = await folderWithUpstream()
      const run = new Run(folder, [
        'start',
        '--config',
        'kong.yml',
        '--status-listen',
        'off',
        ...flags,
      ])
      expect(await run.ended).toBe(2)
      expect(run.error).toBe(`sallyport: limits: ${text}\n`)
    },
  )
})

describe('the status listener', () => {
  test("tells readiness, and every plugin's and sandbox's figures by tenant", async () => {
    const folder = await folderWithUpstream()
    const file = join(folder, 'kong.yml')
    writeFileSync(
      join(folder, 'mark.js'),
      `export default {
        name: 'mark', version: '1.0.0',
        access(pdk) {
          if (pdk.request.getHeader('x-throw')) throw new Error('asked to')
          pdk.response.setHeader('x-mark', 'yes')
        },
      }`,
    )
    const lines = readFileSync(file, 'utf8').replace('name: one', 'name: one\n    tenant: acme')
    const route = lines.replace('name: first,', 'name: first, tenant: acme,')
    writeFileSync(
      file,
      `${route}    plugins: [{ name: mark, tenant: acme, id: 0c8e7a52-53bb-4f0c-9a58-0a3c1f6a0001 }]\n` +
        'tenants: [{ name: acme }]\n',
    )
    const { run, url } = await startGateway(
      folder,
      ...['--plugin', 'mark.js', '--status-listen', '127.0.0.1:0', '--workers', '2'],
    )
    const status = `http://${run.log.find((line) => line.status !== undefined)!.status}`
    const ready = await fetch(`${status}/status/ready`)
    expect([ready.status, await ready.json()]).toEqual([
      200,
      { message: 'ready', workers: 2, serving: 2 },
    ])
    for (let count = 0; count < 5; count++) {
      const answer = await fetch(`${url}/first`)
      expect(answer.headers.get('x-mark')).toBe('yes')
    }
    expect((await fetch(`${url}/first`, { headers: { 'x-throw': '1' } })).status).toBe(500)
    const text = await (await fetch(`${status}/metrics`)).text()
    const sum = (pattern: RegExp) =>
      [...text.matchAll(pattern)].reduce((total, match) => total + Number(match[1]), 0)
    const instance = 'plugin="mark",instance="0c8e7a52-53bb-4f0c-9a58-0a3c1f6a0001",tenant="acme"'
    expect(
      sum(new RegExp(`sallyport_plugin_calls_total{worker="."\\,${instance}} (\\d+)`, 'g')),
    ).toBe(6)
    expect(text).toMatch(
      new RegExp(`sallyport_plugin_failures_total{worker="."\\,${instance},kind="error"} 1`),
    )
    const host = 'worker="1",host="tenant:acme",tier="process",tenant="acme"'
    expect(text).toContain(`sallyport_plugin_host_state{${host},state="ready"} 1`)
    expect(text).toContain(`sallyport_plugin_host_state{${host},state="quarantined"} 0`)
    expect(text).toMatch(new RegExp(`sallyport_plugin_host_memory_bytes{${host}} [1-9]\\d{6,}`))
    expect(text).toContain(`sallyport_sandbox_possible{${host},ability="file"} 0`)
    expect(text).toContain('sallyport_sandbox_spare_state{worker="1",pool="jit",state="unused"} 1')
    expect(text).toContain(`sallyport_sandbox_layer_active{${host},layer="no-jit"} 1`)
    expect((await fetch(`${status}/nothing`)).status).toBe(404)
    run.child.kill('SIGTERM')
    expect(await run.ended).toBe(0)
  })

  test('names its flag when its address is in use', async () => {
    const other = createTcpServer().listen(0, '127.0.0.1')
    await once(other, 'listening')
    const address = `127.0.0.1:${(other.address() as AddressInfo).port}`
    const run = new Run(await folderWithUpstream(), [
      ...['start', '--config', 'kong.yml', '--proxy-listen', '127.0.0.1:0'],
      ...['--status-listen', address],
    ])
    expect(await run.ended).toBe(1)
    expect(run.error).toBe(
      `sallyport: cannot listen on ${address} for --status-listen: the address is in use\n`,
    )
    other.close()
  })
})

test('a bad flag ends with one sentence and code 2', async () => {
  const run = new Run(tmpdir(), ['start', '--config', 'kong.yml', '--store', 'sqlite:a.db'])
  expect(await run.ended).toBe(2)
  expect(run.error).toBe(
    'sallyport: --store "sqlite:a.db": a store besides the declarative file is not served yet\n',
  )
})

test('the word that makes a worker is no command for people', async () => {
  const run = new Run(tmpdir(), ['worker'])
  expect(await run.ended).toBe(2)
  expect(run.error).toContain('unknown command "worker"')
})
