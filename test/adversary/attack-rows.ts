import { gzipSync } from 'node:zlib'
import type { Asked } from './ask.ts'
import type { Place } from './place.ts'

/** What becomes of an attack: its one request is answered so, or what `run` looks at. */
export interface AttackRow {
  readonly answer?: ExpectedAnswer
  /** Sends the requests of the attack itself; a sentence for each thing that is not as it should be. */
  readonly run?: (place: Place) => Promise<string[]>
  /** A second tenant with the same plugin stands beside. */
  readonly hasNeighbour?: true
  /** A member of the PDK without which the attack cannot be made. */
  readonly needs?: string
  /** Its answers may take longer than the kill rule says: they wait for one another. */
  readonly isPatient?: true
  /** Its place is not served for a while afterwards. */
  readonly endsInQuarantine?: true
  /** Why it is not contained yet: the attack is made, and it has to get through. */
  readonly gap?: string
}

export interface ExpectedAnswer {
  readonly status: readonly number[]
  readonly body?: RegExp
}

const FAILURES = [500, 502, 503, 504]
/** Stopped, killed, refused: the request gets an answer that says that the plugin failed. */
const FAILS: AttackRow = { answer: { status: FAILURES } }
const answers = (body: RegExp): AttackRow => ({ answer: { status: [200], body } })
/** Nothing comes of it: the request goes to the upstream. */
const PASSES = { status: [200], body: /^hello$/ }
/** A text of an error that tells nothing of the machine. */
const NO_PATHS = /^(?!.*(?:file:|node:|\.ts\b|node_modules|(?:^|[\s(])\/(?:\w+\/)+\w+\.)).+$/s

/** Every attack whose snippet is code of a handler. */
export const ATTACK_ROWS: Readonly<Record<string, AttackRow>> = {
  'ESC-02': answers(/^none$/),
  'ESC-03': answers(/^none$/),
  'ESC-05': FAILS,
  'ESC-06': FAILS,
  'ESC-07': answers(/^(?:locked|none|undefined)$/),
  'ESC-08': FAILS,
  'ESC-10': FAILS,
  'ESC-11': FAILS,
  'ESC-15': FAILS,
  'ESC-16': answers(/^undefined$/),
  'ESC-17': answers(/^undefinedundefined$/),
  'ESC-22': answers(/^undefined$/),
  'CPU-03': FAILS,
  'CPU-05': FAILS,
  'CPU-10': FAILS,
  'CPU-11': FAILS,
  'CPU-13': FAILS,
  'CPU-14': FAILS,
  'CPU-16': FAILS,
  // Over its budget a tenant waits, and what waits until its deadline is answered then.
  'CPU-19': { run: burnOnEveryRequest, isPatient: true },
  'CPU-20': FAILS,
  'CPU-21': FAILS,
  'MEM-01': FAILS,
  'MEM-03': FAILS,
  'MEM-04': FAILS,
  'MEM-05': FAILS,
  'MEM-06': FAILS,
  'MEM-07': FAILS,
  'MEM-10': FAILS,
  'MEM-11': FAILS,
  'MEM-13': FAILS,
  'MEM-14': FAILS,
  'MEM-15': { run: leakUntilRebuilt },
  'MEM-17': FAILS,
  'MEM-18': FAILS,
  'MEM-19': { answer: { status: [200, ...FAILURES] } },
  'MEM-22': FAILS,
  'MEM-23': { run: sendBombs },
  // At most 8 subrequests; whoever is refused is told that it is a limit. To make ten thousand errors
  // may take longer than a handler has.
  'IO-01': { needs: 'http.fetch', answer: { status: [200, ...FAILURES], body: /^99\d\d$/ } },
  'IO-02': { run: floodTheLog },
  'IO-03': { run: forgeALine },
  'IO-05': FAILS,
  'IO-08': { run: smuggle },
  'IO-09': { needs: 'http.fetch', ...answers(/^all blocked$/) },
  'IO-11': { needs: 'http.fetch', ...answers(/^all blocked$/) },
  'IO-13': FAILS,
  'IO-14': { needs: 'http.fetch', answer: { status: [200, ...FAILURES] } },
  'IO-15': { needs: 'http.fetch', answer: { status: [200, ...FAILURES] } },
  // One after the other: what ends it is the number of effects, or the deadline of the handler.
  'IO-16': { needs: 'cache.set', answer: { status: [200, ...FAILURES] }, isPatient: true },
  'XT-01': { hasNeighbour: true, run: markTheGlobal },
  'XT-02': { hasNeighbour: true, run: keepTheSecret },
  'XT-04': answers(
    /^\[\{"tenant":"attacker[^"]*","secret":"","limits":\{"timeoutMs":50\}\},"undefined","undefined",\[\]\]$/,
  ),
  'XT-05': { run: changeTheConfiguration },
  'XT-06': answers(/^\d+undefinedundefined$/),
  'XT-07': { needs: 'http.fetch', ...answers(/^\d+$/) },
  'XT-08': FAILS,
  'XT-09': { run: pretendToBeAnother },
  'XT-11': { needs: 'http.fetch', ...answers(/^same$/) },
  'XT-13': answers(NO_PATHS),
}

/** What is wrong with an answer, or nothing. */
export function checkAnswer(answer: Asked, expected: ExpectedAnswer): string[] {
  const { status, body } = answer
  const isRight = expected.status.includes(status)
  if (isRight && (status !== 200 || expected.body?.test(body) !== false)) return []
  const wanted = `${expected.status.join(' or ')} ${expected.body?.source ?? ''}`
  return [`it was answered ${status} ${body.slice(0, 300)}; expected ${wanted}`]
}

/** More CPU than a tenant may burn at once, by more requests than its share lets end in time. */
async function burnOnEveryRequest(place: Place): Promise<string[]> {
  for (let round = 0; round < 10; round++) {
    const answers = await Promise.all(Array.from({ length: 16 }, () => place.attack()))
    if (answers.every(({ status }) => status !== 503)) continue
    const lines = await place.linesOfAttacker()
    if (lines.some(({ kind }) => kind === 'throttled')) return []
  }
  return ['it burnt 40 ms of CPU in each of 160 requests and was never throttled']
}

/** 80 KB a request into an isolate of 32 MB: it ends and is replaced, at the price of one request. */
async function leakUntilRebuilt(place: Place): Promise<string[]> {
  let failures = 0
  for (let n = 0; n < 1_000 && failures === 0; n++) {
    const { status } = await place.attack()
    if (status !== 200) failures++
  }
  if (failures === 0) return ['1,000 requests that leak did not end the sandbox']
  for (let n = 0; n < 20; n++) {
    const { status } = await place.attack()
    if (status !== 200) failures++
  }
  const lines = await place.linesOfAttacker()
  const kills = lines.filter(({ msg }) => String(msg).includes('was killed')).length
  return failures <= kills ? [] : [`${failures} requests failed for ${kills} rebuilds`]
}

async function sendBombs(place: Place): Promise<string[]> {
  const bomb = gzipSync(Buffer.alloc(64 * 1024 * 1024))
  const packed = await place.attack({
    method: 'POST',
    headers: { 'content-encoding': 'gzip' },
    body: bomb,
  })
  const violations: string[] = []
  if (packed.status === 200 && Number(packed.body) > bomb.length) {
    violations.push(`a body of ${bomb.length} bytes became ${packed.body} in the sandbox`)
  }
  const large = await place.attack({ method: 'POST', body: Buffer.alloc(2 * 1024 * 1024, 97) })
  return [...violations, ...checkAnswer(large, { status: [413, ...FAILURES] })]
}

async function floodTheLog(place: Place): Promise<string[]> {
  const answer = await place.attack()
  const lines = await place.linesOfAttacker()
  const spam = lines.filter(({ msg }) => String(msg).startsWith('spam'))
  const violations = checkAnswer(answer, { status: [200, ...FAILURES] })
  if (spam.length > 64) violations.push(`${spam.length} lines of one request reached the log`)
  return violations
}

async function forgeALine(place: Place): Promise<string[]> {
  const violations = checkAnswer(await place.attack(), PASSES)
  await place.gateway.wholeLog()
  const lines = place.gateway.stderr.split('\n').filter((line) => line.includes('forged'))
  if (lines.length !== 1) violations.push(`${lines.length} lines hold the forged text, expected 1`)
  for (const line of lines) {
    const { msg, plugin, level } = JSON.parse(line) as Record<string, unknown>
    if (plugin !== place.plugin) violations.push(`a line is said to be of ${String(plugin)}`)
    if (level === 60 || !String(msg).includes('\u001b[2J')) violations.push(`forged: ${line}`)
  }
  return violations
}

async function smuggle(place: Place): Promise<string[]> {
  const { seen } = place.gateway.upstream
  const before = seen.length
  const violations = checkAnswer(await place.attack(), { status: FAILURES })
  const reached = seen.slice(before).filter(({ url }) => url !== '/')
  for (const { method, url } of reached) violations.push(`${method} ${url} reached the upstream`)
  return violations
}

async function markTheGlobal(place: Place): Promise<string[]> {
  const violations: string[] = []
  for (let n = 0; n < 3; n++) {
    for (const [send, foreign] of [
      [() => place.attack(), '-neighbour'],
      [() => place.attackNeighbour(), `${place.tenant}attacker`],
    ] as const) {
      const { status, body } = await send()
      const isOwn = new RegExp(`^(?:${place.tenant}){1,3}$`).test(
        foreign === '-neighbour' ? body : body.replaceAll('-neighbour', ''),
      )
      if (status !== 200 || !isOwn) violations.push(`the global holds ${status} ${body}`)
    }
  }
  return violations
}

async function keepTheSecret(place: Place): Promise<string[]> {
  const violations: string[] = []
  for (let n = 0; n < 4; n++) {
    const own = await place.attack({ headers: { authorization: `own-${n}` } })
    const other = await place.attackNeighbour({ headers: { authorization: `other-${n}` } })
    if (!/^(?:undefined|none|own-\d)$/.test(own.body)) violations.push(`it saw ${own.body}`)
    if (!/^(?:undefined|none|other-\d)$/.test(other.body)) {
      violations.push(`its neighbour saw ${other.body}`)
    }
  }
  return violations
}

async function changeTheConfiguration(place: Place): Promise<string[]> {
  const calm = { headers: { 'x-calm': 'config' } }
  const before = (await place.attack(calm)).headers['x-config']
  const violations = checkAnswer(await place.attack(), { status: [200] })
  const after = (await place.attack(calm)).headers['x-config']
  if (before === undefined || before !== after) {
    violations.push(`its configuration was ${String(before)} and is ${String(after)}`)
  }
  return violations
}

async function pretendToBeAnother(place: Place): Promise<string[]> {
  const violations = checkAnswer(await place.attack(), PASSES)
  const log = await place.gateway.wholeLog()
  const said = log.filter(({ msg }) => String(msg).includes('"tenant":"victim"'))
  if (said.length === 0) violations.push('its line did not reach the log')
  for (const { plugin, tenant } of said) {
    const isVictims = plugin !== place.plugin || (tenant !== undefined && tenant !== place.tenant)
    if (isVictims) violations.push(`a line is said to be of ${String(plugin)}, ${String(tenant)}`)
  }
  return violations
}
