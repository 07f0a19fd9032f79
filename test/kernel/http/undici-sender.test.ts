import { afterEach, expect, test } from 'vitest'
import {
  type SendTarget,
  UpstreamFailure,
  type UpstreamRequest,
  type UpstreamSender,
} from '../../../kernel/exchange.ts'
import { createHttpLimits, type HttpLimits } from '../../../kernel/http/limits.ts'
import { createUndiciSender } from '../../../kernel/http/undici-sender.ts'
import { OK } from '../../conformance/http-fixture.ts'
import { RawUpstream } from '../../conformance/raw-http.ts'
import { send } from '../../support/send.ts'

const upstreams: RawUpstream[] = []
const senders: UpstreamSender[] = []
afterEach(async () => {
  for (const sender of senders.splice(0)) await sender.close()
  for (const upstream of upstreams.splice(0)) await upstream.close()
})

async function start(changes: Partial<HttpLimits> = {}) {
  const upstream = await new RawUpstream().listen()
  upstreams.push(upstream)
  const sender = createUndiciSender({ limits: createHttpLimits(changes) })
  senders.push(sender)
  const target: SendTarget = {
    scheme: 'http',
    hostname: '127.0.0.1',
    port: upstream.port,
    tlsName: null,
  }
  const request = (change: Partial<UpstreamRequest> = {}): UpstreamRequest => ({
    target,
    method: 'GET',
    path: '/',
    headers: ['Host', 'a'],
    body: null,
    upgrade: null,
    timeouts: { connectMs: 5_000, writeMs: 5_000, readMs: 5_000 },
    ...change,
  })
  return { upstream, sender, request }
}

const failureOf = (answer: Promise<unknown>): Promise<UpstreamFailure> =>
  answer.then(
    () => expect.fail('the request did not fail'),
    (error: UpstreamFailure) => error,
  )

test('a sender tells nothing of a body before it is started, and then all of it', async () => {
  const { upstream, sender, request } = await start()
  const sending = send(sender, request())
  const peer = await upstream.peer()
  await peer.has('\r\n\r\n')
  peer.send(OK)
  const answer = await sending.answer
  expect(answer.status).toBe(200)
  expect(answer.headers).toEqual(['Content-Length', '2'])
  expect(answer.body.length).toBe(2)
  await new Promise((resolve) => setTimeout(resolve, 50))
  const got: string[] = []
  await new Promise<void>((resolve) => {
    answer.body.start({
      onData: (chunk) => got.push(Buffer.from(chunk).toString()) > 0,
      onEnd: () => resolve(),
      onError: (error) => got.push(String(error)),
    })
  })
  expect(got).toEqual(['ok'])
})

test('a sender that is cancelled before the answer rejects it and frees the connection', async () => {
  const { upstream, sender, request } = await start()
  const sending = send(sender, request())
  const peer = await upstream.peer()
  await peer.has('\r\n\r\n')
  sending.cancel('timeout')
  const failure = await failureOf(sending.answer)
  expect(failure.kind).toBe('closed')
  expect(failure.sent).toBe(true)
  await peer.over()
})

test('a sender that is cancelled before the connection is there sends nothing', async () => {
  const { upstream, sender, request } = await start()
  const sending = send(sender, request())
  sending.cancel('client-aborted')
  expect((await failureOf(sending.answer)).sent).toBe(false)
  const next = send(sender, request({ path: '/next' }))
  await expect.poll(() => upstream.peers.some((peer) => peer.received.includes('/next'))).toBe(true)
  for (const peer of upstream.peers) {
    expect(peer.received).not.toMatch(/^GET \/ /)
    if (peer.received !== '') peer.send(OK)
  }
  expect((await next.answer).status).toBe(200)
})

test('a sender that is closed fails what is under way and what comes later', async () => {
  const { upstream, sender, request } = await start()
  const sending = send(sender, request())
  await (await upstream.peer()).has('\r\n\r\n')
  const failed = failureOf(sending.answer)
  await sender.close()
  expect((await failed).kind).toBe('closed')
  await upstream.peers[0]!.over()
  const late = await failureOf(send(sender, request()).answer)
  expect(late.kind).toBe('closed')
  expect(late.sent).toBe(false)
})

test('a request that is no request is an error of its maker, not of the upstream', async () => {
  const { sender, request } = await start()
  for (const change of [{ path: 'a' }, { headers: ['X-A', 'b\r\nc'] }, { headers: ['X A', 'b'] }]) {
    const error = await failureOf(send(sender, request(change)).answer)
    expect(error).toBeInstanceOf(TypeError)
    expect(error).not.toBeInstanceOf(UpstreamFailure)
    expect(error.message).toMatch(/^the request cannot be sent: /)
  }
})

test('a body that began to flow is not sent a second time', async () => {
  const { sender, request } = await start()
  const body = { length: 1, started: true, start: () => {}, resume: () => {}, cancel: () => {} }
  expect(() => send(sender, request({ body }))).toThrow(/cannot be sent again/)
})

test('a sender drops the pool used longest ago and finishes what is under way on it', async () => {
  const { upstream, sender, request } = await start({ upstreamPoolsMax: 1 })
  const first = send(sender, request())
  const peer = await upstream.peer()
  await peer.has('\r\n\r\n')
  const other = send(
    sender,
    request({ timeouts: { connectMs: 4_000, writeMs: 5_000, readMs: 5_000 } }),
  )
  const otherPeer = await upstream.peer(1)
  await otherPeer.has('\r\n\r\n')
  peer.send(OK)
  expect((await first.answer).status).toBe(200)
  await peer.over()
  otherPeer.send(OK)
  expect((await other.answer).status).toBe(200)
})
