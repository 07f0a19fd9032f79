import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { createLeanListener } from '../../kernel/http/lean/lean-listener.ts'
import { createLeanSender } from '../../kernel/http/lean/lean-sender.ts'
import { RawPeer } from '../conformance/raw-http.ts'
import { startTestGateway, type TestGateway } from '../support/gateway.ts'
import { MESSAGE_TABLE } from './message-table.ts'
import type { ExpectedRequest } from './messages/row.ts'
import { TABLE_LIMITS } from './messages/sizes.ts'
import { type RecordedRequest, RecordingUpstream } from './recording-upstream.ts'

let upstream: RecordingUpstream
let gateway: TestGateway
const clients: RawPeer[] = []

beforeAll(async () => {
  upstream = await RecordingUpstream.listen()
  gateway = await startTestGateway({
    yaml: `
_format_version: '3.0'
services:
  - name: recorder
    url: http://127.0.0.1:${upstream.port}
    retries: 0
    routes:
      - name: everything
        paths: [/]
`,
    dataPath: {
      listen: (options) => createLeanListener({ ...options, limits: TABLE_LIMITS }),
      sender: createLeanSender({ limits: TABLE_LIMITS }),
    },
  })
})

afterAll(async () => {
  await gateway.close()
  await upstream.close()
})

afterEach(async () => {
  for (const client of clients.splice(0)) client.destroy()
  // What the row has left behind has been cut off by now.
  await expect.poll(() => gateway.gateway.status().inFlight).toBe(0)
  await expect.poll(() => upstream.unfinished).toEqual([])
})

const refused = MESSAGE_TABLE.filter(({ expect: { kind } }) => kind === 'refused')
const others = MESSAGE_TABLE.filter(({ expect: { kind } }) => kind !== 'refused')

describe('no upstream sees, and the client is told and sent away,', () => {
  test.each(refused)('$name', async (row) => {
    if (row.expect.kind !== 'refused') throw new Error('a row that refuses is wanted')
    const { status, requests = [] } = row.expect
    const client = await send(row.bytes)
    await client.over()
    expect(finalStatuses(client)).toEqual([...requests.map(() => 200), status])
    expect(client.received).toMatch(/\r\nconnection: close\r\n/i)
    expect(client.reset).toBe(false)
    await expectSeen(requests)
  })
})

describe('an upstream sees what the table says of', () => {
  test.each(others)('$name', async (row) => {
    const { requests = [] } = row.expect
    const client = await send(row.bytes)
    await client.until(() => client.ended || finalStatuses(client).length >= requests.length)
    if (row.expect.kind === 'accepted' && row.expect.closes === true) await client.over()
    // The asterisk is no path, so that no route is for it.
    expect(finalStatuses(client)).toEqual(
      requests.map(({ target }) => (target === '*' ? 404 : 200)),
    )
    await expectSeen(requests.filter(({ target }) => target !== '*'))
  })
})

async function send(bytes: string): Promise<RawPeer> {
  upstream.forget()
  const client = await RawPeer.connect(gateway.port)
  clients.push(client)
  client.send(bytes)
  return client
}

/** Exactly these requests have reached the upstream, with exactly these bodies. */
async function expectSeen(expected: readonly ExpectedRequest[]): Promise<void> {
  // What was sent before has arrived when this one has.
  const last = await RawPeer.connect(gateway.port)
  clients.push(last)
  last.send('GET /last HTTP/1.1\r\nHost: last\r\nConnection: close\r\n\r\n')
  await last.over()
  const seen = upstream.requests.map(toSeen)
  expect(seen.pop()).toMatchObject({ method: 'GET', target: '/last' })
  expect(seen).toEqual(
    expected.map(({ method, target, body, authority }) => ({
      ...{ method, target, body },
      hostname: authority === undefined ? expect.anything() : toHostname(authority),
    })),
  )
  expect(upstream.problems).toEqual([])
}

function toSeen({ method, headers, body }: RecordedRequest) {
  const header = (wanted: string) => headers.find(([name]) => name === wanted)?.[1]
  return {
    ...{ method, body },
    // The path in the request line was normalised for the router; this is how it came.
    target: header('x-forwarded-path'),
    hostname: header('x-forwarded-host') ?? '',
  }
}

function toHostname(authority: string | null): string {
  return (authority ?? '').toLowerCase().replace(/:\d+$/, '').replaceAll(/[[\]]/g, '')
}

function finalStatuses(client: RawPeer): number[] {
  return client.statuses.filter((status) => status >= 200)
}
