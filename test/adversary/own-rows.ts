import { Agent } from 'node:http'
import { setTimeout as sleep } from 'node:timers/promises'
import { type AttackRow, checkAnswer } from './attack-rows.ts'
import type { Place } from './place.ts'

/** An attack of our own by code of a handler; most go for the worker's time through what the PDK gives. */
export interface OwnRow extends AttackRow {
  readonly idea: string
  /** The body of `onRequest(ctx)`, or those of handlers by their phases. */
  readonly snippet: string | Readonly<Record<string, string>>
}

const ANY = { status: [200, 413, 500, 503] }
/** Node's own server, which is the upstream here, refuses large heads. */
const ANY_WITH_UPSTREAM = { status: [...ANY.status, 414, 431, 502] }
/** Work that does not fit into one turn is done in several. */
const REST = 'const rest = () => new Promise((resolve) => setTimeout(resolve, 0));'
const DIE = `if (ctx.request.headers['x-die'] === 'yes') Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);`
const FAILS = { status: [500, 503] }

export const OWN_ROWS: Readonly<Record<string, OwnRow>> = {
  'exit-many-values': {
    idea: 'An answer of small values, which are dear to parse and to write',
    snippet: `return { status: 200, body: new Array(150000).fill({}) }`,
    answer: FAILS,
  },
  'many-headers': {
    idea: 'As many headers as there may be changes, as long as the result may be',
    snippet: `${REST} for (let i = 0; i < 990; i++) { ctx.pdk.response.setHeader('x-' + i, 'v'.repeat(1900)); if (i % 50 === 0) await rest() }`,
    answer: ANY,
  },
  'many-upstream-headers': {
    idea: 'The same for the request to the upstream',
    snippet: `${REST} for (let i = 0; i < 990; i++) { ctx.pdk.service.request.setHeader('x-' + i, 'v'.repeat(1900)); if (i % 50 === 0) await rest() }`,
    answer: ANY_WITH_UPSTREAM,
  },
  'many-values-of-headers': {
    idea: 'Lists of values until the result holds no more, and then changes that have to look at all of them',
    snippet: `${REST} const values = new Array(99).fill('v'); for (let i = 0; i < 985; i++) { if (i < 150) ctx.pdk.response.addHeader('x-many', values); else ctx.pdk.response.setHeader('x-' + i, '1'); if (i % 50 === 0) await rest() }`,
    answer: ANY,
  },
  'many-values-upstream': {
    idea: 'The same for the request to the upstream',
    snippet: `${REST} const values = new Array(99).fill('v'); for (let i = 0; i < 985; i++) { if (i < 150) ctx.pdk.service.request.addHeader('x-many', values); else ctx.pdk.service.request.setHeader('x-' + i, '1'); if (i % 50 === 0) await rest() }`,
    answer: ANY_WITH_UPSTREAM,
  },
  'query-again-and-again': {
    idea: 'A long query out of which names are taken that it does not have',
    snippet: `${REST} ctx.pdk.service.request.setRawQuery('a&'.repeat(3000)); for (let i = 0; i < 980; i++) { ctx.pdk.service.request.clearQueryArg('b' + i); if (i % 3 === 0) await rest() }`,
    answer: ANY_WITH_UPSTREAM,
    isPatient: true,
  },
  'entries-of-the-log': {
    idea: 'As many values for the log as there may be, each as large as it may be',
    snippet: `${REST} for (let i = 0; i < 100; i++) { ctx.pdk.log.setSerializeValue('a.b.c' + i, 'x'.repeat(16000)); await rest() }`,
    answer: ANY,
    isPatient: true,
  },
  'large-query': {
    idea: 'A query of a hundred thousand arguments',
    snippet: `const args = {}; for (let i = 0; i < 1e5; i++) args['a' + i] = i; ctx.pdk.service.request.setQuery(args)`,
    answer: ANY_WITH_UPSTREAM,
  },
  'large-path': {
    idea: 'A path of a million characters that have to be escaped',
    snippet: `ctx.pdk.service.request.setPath('/' + ' %'.repeat(5e5))`,
    answer: ANY_WITH_UPSTREAM,
  },
  'large-body': {
    idea: 'A body as large as a result may be, as multipart',
    snippet: `ctx.pdk.service.request.setBody({ a: 'x'.repeat(1.5e6) }, 'multipart/form-data')`,
    answer: ANY_WITH_UPSTREAM,
  },
  'huge-error': {
    idea: 'An error whose text is as long as a string can be',
    snippet: `throw new Error('x'.repeat(2 ** 28))`,
    answer: FAILS,
  },
  'ping-pong': {
    idea: 'Timers of no time without end: the worker has to answer each',
    snippet: `for (;;) await new Promise((resolve) => setTimeout(resolve, 0))`,
    answer: FAILS,
    isPatient: true,
  },
  'effects-at-once': {
    idea: 'As many effects as there may be at once, again and again',
    snippet: `for (;;) await Promise.all(Array.from({ length: 64 }, (_, i) => ctx.pdk.client.loadConsumer('c' + i)))`,
    answer: FAILS,
    isPatient: true,
  },
  'timers-set-and-cleared': {
    idea: 'Timers that are set and cleared at once, without end',
    snippet: `for (;;) { for (let i = 0; i < 1000; i++) clearTimeout(setTimeout(() => {}, 1e9)); await null }`,
    answer: FAILS,
  },
  'bodies-at-once': {
    idea: 'The largest body that may be read, many times at once',
    snippet: `const all = await Promise.all(Array.from({ length: 64 }, () => ctx.pdk.request.getRawBody())); return { status: 200, body: String(all.length) }`,
    run: sendLargeBody,
  },
  'many-begun-die': {
    idea: 'A thousand calls that wait in a sandbox when it is killed: all have to be answered',
    snippet: `${DIE} await new Promise((resolve) => setTimeout(resolve, 1800)); return { status: 200 }`,
    run: (place) => dieAmong(place, false),
    isPatient: true,
  },
  'many-queued-go-on': {
    idea: 'A thousand calls behind one that kills the sandbox: all have to be sent again',
    snippet: `${DIE} return { status: 200, body: 'again' }`,
    run: (place) => dieAmong(place, true),
    isPatient: true,
  },
  'random-bytes': {
    idea: 'Random bytes from the host, in a loop',
    snippet: `for (;;) crypto.getRandomValues(new Uint8Array(65536))`,
    answer: FAILS,
  },
  'host-urls': {
    idea: 'Addresses that are dear to parse, in a loop, by the parser of the host',
    snippet: `const hostname = Array.from({ length: 6000 }, (_, i) => '\\u00e4' + i).join('.'); for (;;) { try { new URL('http://' + hostname) } catch {} }`,
    answer: FAILS,
  },
  'loop-in-header-filter': {
    idea: 'A loop once the upstream has answered',
    snippet: { headerFilter: 'for (;;);' },
    answer: FAILS,
  },
  'loop-in-response': {
    idea: 'A loop over the whole answer',
    snippet: { response: 'for (;;);' },
    answer: FAILS,
  },
  'loop-in-body-filter': {
    idea: 'A loop in the middle of a body: nothing is passed on unfiltered',
    snippet: { bodyFilter: 'for (;;);' },
    run: expectCut,
  },
  'dying-body-filter': {
    idea: 'A crash of the engine in the middle of a body',
    snippet: { bodyFilter: `'ab'.repeat(2 ** 27).split('')` },
    run: expectCut,
  },
  'growing-body': {
    idea: 'Each chunk of a body becomes as large as a result may be',
    snippet: { bodyFilter: `pdk.response.setChunk('x'.repeat(1.9e6))` },
    run: allowCut,
  },
  'loop-in-log': {
    idea: 'A loop after the last byte: the answer has gone',
    snippet: { log: 'for (;;);' },
    answer: { status: [200], body: /^hello$/ },
  },
  'dying-log': {
    idea: 'A built-in that no interrupt reaches, after the last byte',
    snippet: { log: 'Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)' },
    answer: { status: [200], body: /^hello$/ },
  },
  'cyclic-context': {
    idea: 'A context that holds itself, and one that never ends',
    snippet: `ctx.pdk.ctx.shared.self = ctx.pdk.ctx.shared; return { status: 200 }`,
    answer: FAILS,
  },
  'hostile-context': {
    idea: 'A context with names of every object',
    snippet: `Object.assign(ctx.pdk.ctx.shared, JSON.parse('{"__proto__":{"polluted":"yes"},"constructor":{"prototype":{"polluted":"yes"}}}')); return { status: 200, body: 'set' }`,
    answer: ANY,
  },
}

async function sendLargeBody(place: Place): Promise<string[]> {
  const body = Buffer.alloc(1024 * 1024 - 1, 'b')
  return checkAnswer(await place.attack({ method: 'POST', body }), ANY)
}

/** The client has the head, so its connection is cut. */
async function expectCut(place: Place): Promise<string[]> {
  try {
    const { status, body } = await place.attack()
    return [`it was answered ${status} ${body.slice(0, 100)}; expected no end of the answer`]
  } catch (error) {
    const { message } = error as Error
    return /aborted|hang up|ECONNRESET/.test(message) ? [] : [message]
  }
}

/** Either all of the answer comes, or none of it is passed off as whole. */
async function allowCut(place: Place): Promise<string[]> {
  const violations = await expectCut(place)
  return violations.filter((violation) => !violation.startsWith('it was answered 200 '))
}

/** One call that kills the sandbox, behind a thousand or before them. */
async function dieAmong(place: Place, isFirst: boolean): Promise<string[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 1_000 })
  const others = () => Array.from({ length: 900 }, () => place.attack({ agent }))
  const die = () => place.attack({ headers: { 'x-die': 'yes' } })
  const dead = isFirst ? die() : null
  const all = others()
  // All of them have reached the worker when the last one is sent.
  if (!isFirst) await sleep(900)
  const killed = await (dead ?? die())
  const answers = await Promise.all(all)
  agent.destroy()
  const status = isFirst ? [200, 503] : [503]
  return [killed, ...answers].flatMap((answer) => checkAnswer(answer, { status })).slice(0, 3)
}
