import { readdirSync, readFileSync } from 'node:fs'
import { attackCase } from './attack-cases.ts'
import { type AttackRow, checkAnswer } from './attack-rows.ts'
import type { Place } from './place.ts'

/** An attack by a sandbox host that was taken over: what it does when a call comes. */
export interface PeerRow extends AttackRow {
  readonly idea: string
  /** The body of an evil peer `(sock, h, require)`. */
  readonly snippet: string
}

const FAILS: AttackRow = { answer: { status: [500, 502, 503, 504] } }
const recorded = (id: string, row: AttackRow): PeerRow => {
  const { idea, snippet } = attackCase(id)
  return { idea, snippet, ...row }
}

/** Every recorded attack of the protocol, then our own. */
export const PEER_ROWS: Readonly<Record<string, PeerRow>> = {
  'PRO-01': recorded('PRO-01', FAILS),
  'PRO-07': recorded('PRO-07', FAILS),
  'PRO-08': recorded('PRO-08', FAILS),
  'PRO-09': recorded('PRO-09', { answer: { status: [200], body: /^$/ } }),
  'PRO-11': recorded('PRO-11', FAILS),
  'PRO-14': recorded('PRO-14', { run: sendToADeafPeer, isPatient: true, endsInQuarantine: true }),
  'PRO-18': recorded('PRO-18', FAILS),
  'PRO-21': recorded('PRO-21', { run: spawnAndStay }),
  'PRO-22': recorded('PRO-22', FAILS),
  'stderr-flood': {
    idea: 'Standard error is flooded',
    snippet: `const { writeSync } = require('node:fs'); for (;;) try { writeSync(2, 'x'.repeat(65536)) } catch {}`,
    ...FAILS,
  },
  'many-values': {
    idea: 'A result of small values, which are dear to parse',
    snippet: `h.message({ name: 'result', id: h.req.id, payload: '{"changes":[' + '{},'.repeat(690000) + '{}]}' })`,
    ...FAILS,
  },
  'huge-result': {
    idea: 'A result as large as a frame can be',
    snippet: `h.message({ name: 'result', id: h.req.id, payload: '{"changes":[' + '{},'.repeat(2600000) + '{}]}' })`,
    ...FAILS,
  },
  'deep-result': {
    idea: 'A result that is nested a million deep',
    snippet: `h.message({ name: 'result', id: h.req.id, payload: '['.repeat(1e6) })`,
    ...FAILS,
  },
  'huge-failure': {
    idea: 'A failure whose message and log are as large as a frame can be',
    snippet: `h.message({ name: 'failed', id: h.req.id, kind: 'error', decided: false,
      message: 'm'.repeat(3e6), log: '[' + '[],'.repeat(1e6) + '[]]' })`,
    ...FAILS,
  },
  'many-effects': {
    idea: 'Effects are asked for without end',
    snippet: `for (let id = 1; id < 200000; id++) {
      h.message({ name: 'effect', id, call: h.req.id, member: 'timer.sleep', args: '[1000000]' })
      if (id % 100 === 0) await h.sleep(0)
    }`,
    ...FAILS,
  },
  'many-lines': {
    idea: 'A result of as many log lines as there may be changes',
    snippet: `const changes = Array.from({ length: 1000 }, () => ['log.info', 'flood ' + '"'.repeat(500)])
      h.message({ name: 'result', id: h.req.id, payload: JSON.stringify({ changes }) })`,
    run: floodByResult,
  },
  'dripping-frame': {
    idea: 'A frame of which one byte comes after the other',
    snippet: `h.raw(Buffer.from([0, 0, 0x40, 0])); for (;;) { h.raw(Buffer.from([0x90])); await h.sleep(1) }`,
    ...FAILS,
  },
  'garbage-flood': {
    idea: 'Bytes that are no frames, without end',
    snippet: `for (;;) { h.raw(Buffer.alloc(65536, 0x20)); await h.sleep(0) }`,
    ...FAILS,
  },
}

/** 300 calls of which none is read: those that wait go from child to child until there is a pause. */
async function sendToADeafPeer(place: Place): Promise<string[]> {
  const headers = { 'x-padding': 'p'.repeat(4_000) }
  const answers = await Promise.all(Array.from({ length: 300 }, () => place.attack({ headers })))
  return answers.flatMap((answer) => checkAnswer(answer, { status: [503] })).slice(0, 3)
}

async function spawnAndStay(place: Place): Promise<string[]> {
  const before = new Set(sleepers())
  const violations = checkAnswer(await place.attack(), { status: [500, 503] })
  const spawned = sleepers().filter((pid) => !before.has(pid))
  for (const pid of spawned) {
    violations.push(`it has left process ${pid}`)
    process.kill(pid, 'SIGKILL')
  }
  return violations
}

/** The processes `sleep 1000` of this machine. */
export function sleepers(): number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .map(Number)
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1') === 'sleep\x001000\x00'
      } catch {
        return false
      }
    })
}

async function floodByResult(place: Place): Promise<string[]> {
  await place.attack()
  const lines = await place.linesOfAttacker()
  const flood = lines.filter(({ msg }) => String(msg).startsWith('flood'))
  return flood.length <= 64 ? [] : [`${flood.length} lines of one request reached the log`]
}
