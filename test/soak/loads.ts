import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { RawClient, type ReceivedAnswer } from './raw-client.ts'
import { LARGE_BODY, SLOW_BODY } from './soak-upstream.ts'

/** What one kind of client does, over and over. It throws when a good request was not answered well. */
export interface Load {
  readonly name: string
  /** At the same time. */
  readonly clients: number
  readonly pauseMs: number
  /** Resolves with how many good requests there were. */
  readonly act: (port: number, state: LoadState) => Promise<number>
}

/** What a client keeps from one time to the next. */
export interface LoadState {
  kept: RawClient | null
  turn: number
}

const LARGE_DIGEST = createHash('sha256').update(LARGE_BODY).digest('hex')
const get = (path: string, lines = '') => `GET ${path} HTTP/1.1\r\nHost: soak\r\n${lines}\r\n`

export const LOADS: readonly Load[] = [
  { name: 'small', clients: 8, pauseMs: 20, act: small },
  { name: 'new connections', clients: 2, pauseMs: 50, act: onNewConnection },
  { name: 'pipelined', clients: 2, pauseMs: 50, act: pipelined },
  { name: 'large answers', clients: 1, pauseMs: 150, act: largeAnswer },
  { name: 'large bodies', clients: 1, pauseMs: 150, act: largeBody },
  { name: 'slow clients', clients: 4, pauseMs: 50, act: slowClient },
  { name: 'slow upstream', clients: 4, pauseMs: 50, act: slowUpstream },
  { name: 'slow readers', clients: 1, pauseMs: 100, act: slowReader },
  { name: 'upgrades', clients: 2, pauseMs: 100, act: upgrade },
  { name: 'aborted', clients: 3, pauseMs: 60, act: aborted },
  { name: 'refused', clients: 2, pauseMs: 60, act: refused },
  { name: 'failing upstream', clients: 1, pauseMs: 100, act: failingUpstream },
]

/** The connection of the time before, while it lasts. */
async function keep(port: number, state: LoadState): Promise<RawClient> {
  if (state.kept === null || state.kept.socket.destroyed) state.kept = await RawClient.open(port)
  return state.kept
}

async function withClient<T>(port: number, act: (client: RawClient) => Promise<T>): Promise<T> {
  const client = await RawClient.open(port)
  try {
    return await act(client)
  } finally {
    client.close()
  }
}

function check({ status, body }: ReceivedAnswer, wantedStatus: number, wanted?: string | Buffer) {
  if (status !== wantedStatus) throw new Error(`status ${status} instead of ${wantedStatus}`)
  if (wanted === undefined || Buffer.from(wanted).equals(body)) return
  throw new Error(`another body: ${body.length} bytes, ${body.toString('latin1', 0, 60)}`)
}

async function small(port: number, state: LoadState): Promise<number> {
  const client = await keep(port, state)
  client.send(get(`/small?turn=${state.turn}`))
  check(await client.answer(), 200, `small /small?turn=${state.turn}\n`)
  return 1
}

async function onNewConnection(port: number, state: LoadState): Promise<number> {
  return await withClient(port, async (client) => {
    client.send(get(`/new?turn=${state.turn}`, 'Connection: close\r\n'))
    check(await client.answer(), 200, `small /new?turn=${state.turn}\n`)
    return 1
  })
}

async function pipelined(port: number, state: LoadState): Promise<number> {
  const client = await keep(port, state)
  const post = 'POST /digest HTTP/1.1\r\nHost: soak\r\nContent-Length: 3\r\n\r\nabc'
  client.send(get('/1') + post + get('/2') + get('/3'))
  const answers = await Promise.all([1, 2, 3, 4].map(() => client.answer()))
  check(answers[0]!, 200, 'small /1\n')
  check(answers[1]!, 200, createHash('sha256').update('abc').digest('hex'))
  check(answers[2]!, 200, 'small /2\n')
  check(answers[3]!, 200, 'small /3\n')
  return 4
}

async function largeAnswer(port: number, state: LoadState): Promise<number> {
  const client = await keep(port, state)
  client.send(get(state.turn % 2 === 0 ? '/large' : '/large-chunked'))
  check(await client.answer(), 200, LARGE_BODY)
  return 1
}

async function largeBody(port: number, state: LoadState): Promise<number> {
  const client = await keep(port, state)
  const isChunked = state.turn % 2 === 0
  const framing = isChunked ? 'Transfer-Encoding: chunked' : `Content-Length: ${LARGE_BODY.length}`
  client.send(`POST /digest HTTP/1.1\r\nHost: soak\r\nExpect: 100-continue\r\n${framing}\r\n\r\n`)
  const answer = client.answer()
  const step = 48_000
  for (let at = 0; at < LARGE_BODY.length; at += step) {
    const piece = LARGE_BODY.subarray(at, at + step)
    if (isChunked) client.send(`${piece.length.toString(16)};part=${at}\r\n`)
    client.send(piece)
    if (isChunked) client.send('\r\n')
    if (client.socket.writableNeedDrain) await Promise.race([once(client.socket, 'drain'), answer])
  }
  if (isChunked) client.send('0\r\nX-Sum: none\r\n\r\n')
  check(await answer, 200, LARGE_DIGEST)
  return 1
}

/** Byte by byte, a head and a chunked body. */
async function slowClient(port: number): Promise<number> {
  return await withClient(port, async (client) => {
    const bytes = `POST /digest HTTP/1.1\r\nHost: soak\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nabc\r\n0\r\n\r\n`
    for (const byte of bytes) {
      client.send(byte)
      await sleep(5)
    }
    check(await client.answer(), 200, createHash('sha256').update('abc').digest('hex'))
    return 1
  })
}

async function slowUpstream(port: number, state: LoadState): Promise<number> {
  const client = await keep(port, state)
  client.send(get('/slow'))
  check(await client.answer(), 200, SLOW_BODY)
  return 1
}

async function slowReader(port: number): Promise<number> {
  return await withClient(port, async (client) => {
    client.send(get('/large-chunked', 'Connection: close\r\n'))
    const answer = client.answer()
    for (let turn = 0; turn < 10; turn++) {
      client.socket.pause()
      await sleep(40)
      client.socket.resume()
      await sleep(2)
    }
    check(await answer, 200, LARGE_BODY)
    return 1
  })
}

/** A tunnel that echoes; both directions at once, then a half-close. */
async function upgrade(port: number, state: LoadState): Promise<number> {
  return await withClient(port, async (client) => {
    client.send(get('/echo', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'))
    const { status, head } = await client.answer()
    if (status !== 101) throw new Error(`status ${status} instead of 101`)
    if (!/\r\nupgrade: websocket/i.test(head)) throw new Error(`no Upgrade in ${head}`)
    const { socket, rest } = client.release()
    const sent = LARGE_BODY.subarray(0, 1_000 + ((state.turn * 7_919) % 100_000))
    const received: Buffer[] = [rest]
    socket.on('data', (chunk: Buffer) => received.push(chunk))
    const ended = once(socket, 'end')
    for (let at = 0; at < sent.length; at += 10_000) {
      socket.write(sent.subarray(at, at + 10_000))
      await sleep(2)
    }
    socket.end()
    await ended
    if (!Buffer.concat(received).equals(sent)) {
      throw new Error(`the tunnel gave back ${Buffer.concat(received).length} of ${sent.length}`)
    }
    return 1
  })
}

/** Clients that leave in the middle of things; none of it counts as a good request. */
async function aborted(port: number, state: LoadState): Promise<number> {
  const client = await RawClient.open(port)
  const leave = async () => {
    await sleep(10)
    if (state.turn % 2 === 0) client.socket.resetAndDestroy()
    else client.close()
  }
  const ways = [
    'GET / HTTP/1.1\r\nHo',
    'POST /digest HTTP/1.1\r\nHost: soak\r\nContent-Length: 1000000\r\n\r\nhalf of it',
    'POST /digest HTTP/1.1\r\nHost: soak\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhel',
    get('/slow'),
    get('/large'),
    get('/large-chunked') + get('/slow'),
    get('/echo', 'Connection: Upgrade\r\nUpgrade: websocket\r\n'),
    '',
  ]
  client.send(ways[state.turn % ways.length]!)
  await leave()
  return 0
}

/** What must be refused is, and with the right status. */
async function refused(port: number, state: LoadState): Promise<number> {
  const ways: readonly (readonly [number, string])[] = [
    [400, 'GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n'],
    [400, get('/', 'Content-Length: 3\r\nTransfer-Encoding: chunked\r\n')],
    [400, get('/', 'X-A : b\r\n')],
    [400, `${get('/').replace('\r\n', '\n')}`],
    [431, get('/', `X-A: ${'a'.repeat(40_000)}\r\n`)],
    [414, get(`/${'a'.repeat(9_000)}`)],
  ]
  const [status, bytes] = ways[state.turn % ways.length]!
  return await withClient(port, async (client) => {
    client.send(bytes)
    check(await client.answer(), status)
    return 1
  })
}

async function failingUpstream(port: number, state: LoadState): Promise<number> {
  return await withClient(port, async (client) => {
    if (state.turn % 2 === 0) {
      client.send('POST /early HTTP/1.1\r\nHost: soak\r\nContent-Length: 1000000\r\n\r\nhello')
      check(await client.answer(), 403, 'early\n')
      return 1
    }
    client.send(get('/cut'))
    const isCut = await client.answer().then(
      () => false,
      () => true,
    )
    if (!isCut) throw new Error('an answer that is not whole came as if it were')
    return 1
  })
}
