import { type AttackRow, checkAnswer } from './attack-rows.ts'
import { casesOf } from './attack-cases.ts'
import { PEER_ROWS, type PeerRow, sleepers } from './peer-rows.ts'
import type { Place } from './place.ts'

const SERVED_LATE: AttackRow = { answer: { status: [503] }, isPatient: true }

/**
 * What becomes of an attack where it is not as in the `process` tier: by the head of the protocol's
 * file. There is no process to kill, so what is silent costs its caller the deadline of the call.
 */
const DIFFERENT: Readonly<Record<string, AttackRow>> = {
  // `late`: the deadline of the call ends it, and what comes afterwards is ignored.
  'PRO-11': SERVED_LATE,
  // `silent`, after 5 s. None of the calls is waited for longer than its own deadline.
  'PRO-14': { run: floodADeafProgram, isPatient: true },
  // Its processes are its own and those of whoever started it. The gateway is not held up by them.
  'PRO-21': { run: spawnFreely, isPatient: true },
  // Its standard output, too. It never comes back from its loop: whoever started it has to end it.
  'PRO-22': { ...SERVED_LATE, endsInQuarantine: true },
  'dripping-frame': SERVED_LATE,
}

/** Attacks by a remote program: every recorded one of the protocol, and our own that fit. */
export const REMOTE_ROWS: Readonly<Record<string, PeerRow>> = Object.fromEntries(
  Object.entries(PEER_ROWS)
    // Its standard error is read by nobody of the gateway: this is PRO-22 once more.
    .filter(([id]) => id !== 'stderr-flood')
    .map(([id, row]) => {
      const { idea, snippet } = row
      return [id, DIFFERENT[id] === undefined ? row : { idea, snippet, ...DIFFERENT[id] }]
    }),
)

export const RECORDED_IDS = casesOf('protocol').map(({ id }) => id)

async function floodADeafProgram(place: Place): Promise<string[]> {
  const headers = { 'x-padding': 'p'.repeat(4_000) }
  const answers = await Promise.all(Array.from({ length: 300 }, () => place.attack({ headers })))
  return answers.flatMap((answer) => checkAnswer(answer, { status: [503] })).slice(0, 3)
}

async function spawnFreely(place: Place): Promise<string[]> {
  const before = new Set(sleepers())
  const violations = checkAnswer(await place.attack(), { status: [503] })
  const spawned = sleepers().filter((pid) => !before.has(pid))
  for (const pid of spawned) process.kill(pid, 'SIGKILL')
  // Where it could not, the attack was none.
  return spawned.length === 1
    ? violations
    : [...violations, `it started ${spawned.length} programs`]
}
