import { Agent } from 'node:http'
import { connect } from 'node:net'
import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Asked, AskOptions } from './ask.ts'
import { ATTACKS_ALL } from './attack-cases.ts'
import { GatewayUnderAttack } from './gateway-under-attack.ts'
import { toEnvironment } from './substitution/substitute.ts'
import { toActorSource } from './tenant-plugins.ts'
import type { VictimReport } from './victim.ts'

let gateway: GatewayUnderAttack
let round = 0

beforeAll(async () => {
  gateway = await GatewayUnderAttack.start({
    plugins: ['actor', 'second', 'global'].map((name) => ({ name, source: toActorSource(name) })),
    // Who is mixed up with whom is looked at here, not how long an honest handler is starved.
    preload: new URL('./substitution/preload.ts', import.meta.url).pathname,
    env: toEnvironment({ kind: 'patient' }),
  })
}, 60_000)

afterAll(async () => {
  const { served, failures } = await gateway.victim.report()
  expect(failures).toEqual([])
  expect(served).toBeGreaterThan(0)
  expect(await gateway.stop()).toEqual([])
}, 60_000)

/** New tenants, to whom nothing has happened yet. */
async function newTenants(): Promise<void> {
  round++
  await gateway.place(
    [
      { name: 'red', tenant: `red-${round}`, plugins: [actor('red'), { name: 'second' }] },
      { name: 'red-too', tenant: `red-${round}`, plugins: [actor('red-too')] },
      { name: 'blue', tenant: `blue-${round}`, plugins: [actor('blue')] },
    ],
    [{ name: 'global' }],
  )
}

const actor = (secret: string) => ({ name: 'actor', config: { secret }, timeout_ms: 4_000 })

interface Deed extends AskOptions {
  readonly ms?: number
  readonly n?: string
}

/** A request that tells the route's plugin what to do. */
function act(
  route: string,
  deed: string,
  { ms = 0, n = '', ...options }: Deed = {},
): Promise<Asked> {
  const headers = { 'x-do': deed, 'x-ms': String(ms), 'x-n': n, ...options.headers }
  return gateway.ask(route, { ...options, headers })
}

const FLOOD_MS = 4_000

async function victimFor(ms: number): Promise<VictimReport> {
  await gateway.victim.report()
  await sleep(ms)
  return gateway.victim.report()
}

const answerOf = ({ status, body }: Asked): string => `${status} ${body}`
const numbers = (count: number): string[] => Array.from({ length: count }, (_, at) => String(at))

/** Each of these requests gets the answer that says its own number. */
function expectOwn(answers: readonly Asked[], names: readonly string[]): void {
  expect(answers.map(answerOf)).toEqual(names.map((n) => `200 ${n}`))
  expect(answers.map(({ headers }) => headers['x-actor-n'])).toEqual(names)
}

describe('what a plugin keeps in its module', () => {
  beforeEach(newTenants)

  test('is counted for each tenant alone', async () => {
    const counts: string[] = []
    for (const route of ['red', 'red', 'blue', 'red', 'blue']) {
      counts.push((await act(route, 'count')).body)
    }
    expect(counts).toEqual(['1', '2', '1', '3', '2'])
  })

  test('is one for all instances of the plugin within a tenant', async () => {
    expect((await act('red', 'count')).body).toBe('1')
    expect((await act('red-too', 'count')).body).toBe('2')
  })

  test('is not on the global object of another plugin of the same tenant', async () => {
    const who = { headers: { 'x-who': 'second' } }
    await act('red', 'global', { n: 'a' })
    expect((await act('red', 'global', { n: 'b' })).body).toBe('ab')
    expect((await act('red', 'global', { n: 'c', ...who })).body).toBe('c')
    expect((await act('red', 'global', { n: 'd' })).body).toBe('abd')
  })

  test('is gone with its sandbox, and nothing of another tenant comes instead', async () => {
    await act('blue', 'count')
    await act('red', 'count')
    expect((await act('red', 'die')).status).toBe(503)
    expect((await act('red', 'count')).body).toBe('1')
    expect((await act('blue', 'count')).body).toBe('2')
  })
})

describe('the configuration', () => {
  beforeAll(newTenants)

  test('of an instance is not seen by another one, of the same tenant or not', async () => {
    for (const route of ['red', 'red-too', 'blue']) {
      expect((await act(route, 'config')).body).toBe(JSON.stringify({ secret: route }))
    }
  })

  test('of a request that is under way stays what it was, over a reload', async () => {
    await newTenants()
    const before = act('blue', 'wait', { ms: 700, n: 'under way' })
    await act('blue', 'count')
    await gateway.place([{ name: 'blue', tenant: `blue-${round}`, plugins: [actor('changed')] }])
    expect((await act('blue', 'config')).body).toBe(JSON.stringify({ secret: 'changed' }))
    expect(answerOf(await before)).toBe('200 under way')
  })
})

describe('a PDK object that was kept', () => {
  beforeAll(newTenants)

  test('is of no use once its request is over', async () => {
    await act('red', 'keep', { n: 'first' })
    const answer = await act('red', 'useKept', { n: 'second' })
    expect(answerOf(answer)).toBe('200 HANDLER_OVER,HANDLER_OVER,HANDLER_OVER,HANDLER_OVER')
    expect(answer.headers['x-other']).toBeUndefined()
  })

  test('never answers the request of whoever uses it', async () => {
    const first = act('red', 'keepAndWait', { ms: 200, n: 'first' })
    const second = await act('red', 'useKept', { n: 'second' })
    expect(second.status).toBe(200)
    expect(second.headers['x-other']).toBeUndefined()
    // It was its own request to answer, and it is still one plugin that decides.
    expect([418, 500]).toContain((await first).status)
  })

  test('is not there for another tenant', async () => {
    await act('red', 'keep')
    expect((await act('blue', 'useKept')).body).not.toMatch(/HANDLER_OVER/)
  })
})

describe('ctx', () => {
  beforeAll(newTenants)

  const seen = ({ headers }: Asked) => [
    headers['x-actor'],
    headers['x-second'],
    headers['x-global'],
  ]

  test('shared is seen within the tenant only, and plugin by one instance only', async () => {
    const answer = await act('red', 'share', { n: 'mine' })
    expect(answer.status).toBe(200)
    expect(seen(answer)).toEqual(['["mine","mine"]', '["mine",null]', '[null,null]'])
  })

  test('of a request is not there in the next one, on the same connection', async () => {
    const agent = new Agent({ keepAlive: true, maxSockets: 1 })
    await act('red', 'share', { n: 'mine', agent })
    expect(seen(await act('red', 'pass', { agent }))).toEqual(Array(3).fill('[null,null]'))
    agent.destroy()
  })

  test('of 60 requests at once, which all wait, is never mixed up', async () => {
    const names = numbers(60)
    const answers = await Promise.all(
      names.map((n) =>
        act(Number(n) % 2 === 0 ? 'red' : 'blue', 'wait', { n, ms: Number(n) % 17 }),
      ),
    )
    expectOwn(answers, names)
  })
})

describe('of several requests that a plugin has at once', () => {
  beforeAll(newTenants)

  test('an error that is thrown fails its own', async () => {
    const names = numbers(12)
    const others = names.map((n) => act('red', 'wait', { n, ms: 60 }))
    const bad = await act('red', 'waitAndThrow', { n: 'bad', ms: 20 })
    expect(bad.status).toBe(500)
    expect(bad.body).not.toContain('thrown by')
    expectOwn(await Promise.all(others), names)
  })

  test('a rejection that nobody handles fails its own', async () => {
    const names = numbers(12)
    const others = names.map((n) => act('red', 'wait', { n, ms: 120 }))
    const bad = await act('red', 'rejectWhileWaiting', { n: 'bad', ms: 60 })
    expect(bad.status).toBe(500)
    expectOwn(await Promise.all(others), names)
  })

  test('a time-out fails its own', async () => {
    const bad = act('red', 'never', { n: 'bad' })
    const names = numbers(12)
    expectOwn(await Promise.all(names.map((n) => act('red', 'wait', { n, ms: 60 }))), names)
    expect((await bad).status).toBe(503)
    expectOwn([await act('red', 'wait', { n: 'next' })], ['next'])
  })

  test('the headers of one that failed reach nobody', async () => {
    expect((await act('red', 'waitAndThrow', { n: 'bad' })).headers['x-thrown']).toBeUndefined()
    expect((await act('red', 'wait', { n: 'next' })).headers['x-thrown']).toBeUndefined()
  })

  test('one that kills the sandbox fails those that had begun, and none gets the answer of another', async () => {
    const names = numbers(10)
    const begun = names.map((n) => act('red', 'wait', { n, ms: 300 }))
    const other = act('blue', 'wait', { n: 'blue', ms: 300 })
    await act('red', 'count')
    const bad = act('red', 'die')
    const after = await act('red', 'wait', { n: 'after' })
    expect((await bad).status).toBe(503)
    for (const [at, answer] of (await Promise.all(begun)).entries()) {
      expect([`200 ${names[at]}`, '503']).toContain(
        answer.status === 200 ? answerOf(answer) : String(answer.status),
      )
    }
    expectOwn([after, await other], ['after', 'blue'])
  })

  test('what comes after the end of one lands on no other', async () => {
    const names = numbers(8)
    const first = await act('red', 'late', { n: 'first', ms: 30 })
    expect(answerOf(first)).toBe('200 first')
    expectOwn(await Promise.all(names.map((n) => act('red', 'wait', { n, ms: 60 }))), names)
  })

  test('each has its own body', async () => {
    const names = numbers(20)
    const answers = await Promise.all(
      names.map((n) =>
        act('red', 'body', { n, method: 'POST', body: `body of ${n}`.repeat(Number(n) + 1) }),
      ),
    )
    expect(answers.map(({ body }) => body)).toEqual(
      names.map((n) => `body of ${n}`.repeat(Number(n) + 1)),
    )
  })

  test('the result for a client that has gone is nobody else’s', async () => {
    const socket = connect(gateway.port, '127.0.0.1')
    socket.write('GET /red HTTP/1.1\r\nHost: a\r\nX-Do: wait\r\nX-Ms: 80\r\nX-N: gone\r\n\r\n')
    await act('red', 'count')
    socket.destroy()
    const names = numbers(8)
    expectOwn(await Promise.all(names.map((n) => act('red', 'wait', { n, ms: 100 }))), names)
  })

  test('those of one connection are answered in their order, however long each waits', async () => {
    const names = ['90', '1', '40', '2']
    const socket = connect(gateway.port, '127.0.0.1')
    socket.write(
      names
        .map((n, at) => {
          const end = at === names.length - 1 ? 'Connection: close\r\n' : ''
          return `GET /red HTTP/1.1\r\nHost: a\r\nX-Do: wait\r\nX-Ms: ${n}\r\nX-N: ${n}\r\n${end}\r\n`
        })
        .join(''),
    )
    let text = ''
    for await (const chunk of socket) text += String(chunk)
    expect([...text.matchAll(/x-actor-n: (\d+)/gi)].map(([, n]) => n)).toEqual(names)
    expect([...text.matchAll(/\r\n\r\n(\d+)/g)].map(([, n]) => n)).toEqual(names)
  })
})

describe('prototypes that one tenant has changed', () => {
  beforeEach(newTenants)

  test('are those of its own plugin, and neither of another one nor of the worker', async () => {
    expect(answerOf(await act('red', 'pollute'))).toBe('200 polluted')
    const native = 'function push() { [native code] }'
    expect((await act('blue', 'look', { n: 'b' })).body).toBe(`bundefined${native}`)
    expect((await gateway.observe()).newKeys).toEqual([])
  })

  test('change nothing in how its results are told', async () => {
    await act('red', 'pollute')
    const names = numbers(8)
    expectOwn(await Promise.all(names.map((n) => act('red', 'spin', { n }))), names)
  })
})

/** Seconds of two cores: not within the ordinary suite. */
const FLOODS: Readonly<Record<string, () => Promise<void>>> = {
  'fails no request of another one': async () => {
    const quiet = await victimFor(FLOOD_MS)
    const untilMs = performance.now() + FLOOD_MS
    const flooding = numbers(16).map(async () => {
      while (performance.now() < untilMs) {
        const { status } = await act('red', 'spin', { ms: 15 })
        expect([200, 503]).toContain(status)
      }
    })
    const flooded = await victimFor(FLOOD_MS)
    await Promise.all(flooding)
    expect([...quiet.failures, ...flooded.failures]).toEqual([])
    // Told and not asserted: what a machine with other work does to it says nothing of the gateway.
    process.stdout.write(
      `p99 of the victim: ${quiet.p99Ms} ms alone (${quiet.served} requests), ${flooded.p99Ms} ms beside the flood (${flooded.served})\n`,
    )
  },

  'is refused beyond what may wait, and fails no request of another one': async () => {
    const flood = numbers(1_400).map((n) => act('red', 'wait', { n, ms: 800 }))
    const answers: Asked[] = []
    for (const n of numbers(10)) answers.push(await act('blue', 'wait', { n }))
    expectOwn(answers, numbers(10))
    const statuses = new Set((await Promise.all(flood)).map(({ status }) => status))
    // Those that were taken may have come too late on a machine with other work.
    statuses.delete(200)
    expect(statuses).toEqual(new Set([503]))
  },
}

describe('a flood of its own sandbox by one tenant', () => {
  beforeEach(newTenants)

  for (const [what, flood] of Object.entries(ATTACKS_ALL ? FLOODS : {})) {
    test(what, flood, 60_000)
  }

  test('of kills ends in a quarantine that is its own', async () => {
    for (let kill = 0; kill < 3; kill++) expect((await act('red', 'die')).status).toBe(503)
    await expect.poll(async () => (await act('red', 'count')).status).toBe(503)
    expect((await act('red-too', 'count')).status).toBe(503)
    expectOwn([await act('blue', 'wait', { n: 'blue' })], ['blue'])
  })
})
