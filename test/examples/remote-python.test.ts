import { spawn, spawnSync } from 'node:child_process'
import { createHmac } from 'node:crypto'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { createRemoteHostFactory } from '../../sandbox/create-hosts.ts'
import { describeRemote } from '../../sandbox/remote/describe-remote.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { makeHostOptions } from '../support/host-call.ts'
import { startUpstream, type TestUpstream } from '../support/upstream.ts'

const example = join(import.meta.dirname, '../../examples/remote-python')
const hasPython = spawnSync('python3', ['--version']).status === 0
if (!hasPython) process.stdout.write('python3 is not installed: the Python example is not tested\n')

describe.runIf(hasPython)('the remote plugin in Python', () => {
  const folder = mkdtempSync(join(tmpdir(), 'remote-python-'))
  const path = join(folder, 'p.sock')
  const start = () =>
    spawn('python3', [join(example, 'plugin.py'), path], { stdio: ['ignore', 'ignore', 'inherit'] })
  let program = start()
  let upstream: TestUpstream
  let gateway: TestGateway
  beforeAll(async () => {
    upstream = await startUpstream()
    const origin = `unix:${path}`
    const manifest = await describeRemote(origin)
    gateway = await startTestGateway({
      yaml: toYaml('known-to-two'),
      code: [{ manifest, tier: 'remote', module: null, source: null, origin }],
      gateway: {
        hostFactories: {
          remote: createRemoteHostFactory({
            ...makeHostOptions().options,
            remote: { statsMs: 20 },
          }),
        },
      },
    })
  })
  afterAll(async () => {
    await gateway.close()
    await upstream.close()
    program.kill()
    rmSync(folder, { recursive: true, force: true })
  })

  const toYaml = (secret: string) =>
    readFileSync(join(example, 'kong.yml'), 'utf8')
      .replace('http://127.0.0.1:8090', upstream.url)
      .replace('secret: known-to-two', `secret: ${secret}`)
  const post = (body: string) => fetch(`${gateway.url}/signed`, { method: 'POST', body })

  test('signs what goes to the upstream', async () => {
    const body = `grün ${'x'.repeat(70_000)}`
    const answer = await post(body)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('x-signed-by')).toBe('python 1.0.0')
    const seen = upstream.seen.at(-1)!
    const wanted = createHmac('sha256', 'known-to-two').update(body).digest('hex')
    expect([seen.body, seen.headers['x-body-signature']]).toEqual([body, wanted])
  })

  test('tells what it uses', async () => {
    const told = () =>
      gateway.gateway.status().hosts.find(({ tier }) => tier === 'remote')!.stats.told
    await expect.poll(() => told()?.cpuMs).toBeGreaterThan(0)
    expect(told()!.heapBytes).toBeGreaterThan(1_000_000)
  })

  test('answers for itself, and catches what the gateway refuses it', async () => {
    const forbidden = await post('the rosebud')
    expect(forbidden.status).toBe(403)
    expect(forbidden.headers.get('x-checked-by')).toBe('python')
    expect(await forbidden.json()).toEqual({ message: 'forbidden word' })
    expect((await post('x'.repeat(100_001))).status).toBe(413)
  })

  test('serves many at a time, each with its own', async () => {
    const bodies = Array.from({ length: 40 }, (_, index) => `body ${index}`)
    const before = upstream.seen.length
    const answers = await Promise.all(bodies.map(post))
    expect(answers.every(({ status }) => status === 200)).toBe(true)
    for (const { body, headers } of upstream.seen.slice(before)) {
      const wanted = createHmac('sha256', 'known-to-two').update(body).digest('hex')
      expect(headers['x-body-signature']).toBe(wanted)
    }
  })

  test('a bad configuration is refused by the schema that it told', async () => {
    await expect(async () => gateway.reload(toYaml('[no, text]'))).rejects.toThrow(/secret/)
  })

  test('hangs up on garbage and serves on', async () => {
    await new Promise((resolve) => {
      const socket = connect(path, () => socket.write('GET / HTTP/1.1\r\n\r\n'))
      socket.resume().on('close', resolve)
    })
    expect((await post('after')).status).toBe(200)
  })

  test('a program that is killed is found again when it is back', async () => {
    program.kill('SIGKILL')
    await new Promise((resolve) => program.once('exit', resolve))
    program = start()
    await expect.poll(async () => (await post('again')).status, { timeout: 10_000 }).toBe(200)
  })
})
