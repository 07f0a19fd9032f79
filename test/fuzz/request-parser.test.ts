import { METHODS } from 'node:http'
import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createHttpLimits } from '../../kernel/http/limits.ts'
import { LeanParser } from '../http/parsers/lean-parser.ts'
import { NodeParser } from '../http/parsers/node-parser.ts'
import { compareOutcomes, type Outcome } from '../http/parsers/outcome.ts'
import { generatedMessages } from './generated-messages.ts'
import { minimise } from './minimise.ts'

/** `npm run test:fuzz` says more. */
const RUNS = Number(process.env['FUZZ_RUNS'] ?? 5_000)
const SEED = Number(process.env['FUZZ_SEED'] ?? Math.floor(Math.random() * 2 ** 30))
/** Connections wait for each other's turns of the event loop, so that each costs little. */
const BATCH = 100

const lean = new LeanParser(createHttpLimits())
const node = new NodeParser()
const nodeMethods = new Set(METHODS)

const counts = {
  messages: 0,
  accepted: 0,
  refused: 0,
  stricter: 0,
  wider: 0,
  bodies: 0,
  several: 0,
}

test(
  `${RUNS} generated messages are taken as Node takes them, or refused (FUZZ_SEED=${SEED})`,
  { timeout: 60_000 + RUNS * 5 },
  async () => {
    process.stdout.write(`${RUNS} generated messages, FUZZ_SEED=${SEED}\n`)
    for (let batch = 0; batch * BATCH < RUNS; batch++) {
      const messages = fc.sample(generatedMessages(), { numRuns: BATCH, seed: SEED + batch })
      const problems = await findProblems(messages)
      const at = problems.findIndex((problem) => problem !== null)
      if (at !== -1) await fail(messages[at]!)
    }
    process.stdout.write(`${JSON.stringify(counts)}\n`)
    // A generator of which nothing comes through would prove nothing.
    expect(counts.messages).toBeGreaterThanOrEqual(RUNS)
    expect(counts.accepted).toBeGreaterThan(RUNS / 5)
    expect(counts.refused).toBeGreaterThan(RUNS / 5)
    expect(counts.bodies).toBeGreaterThan(RUNS / 10)
    expect(counts.several).toBeGreaterThan(RUNS / 10)
  },
)

async function fail(message: string): Promise<never> {
  const smallest = await minimise(message, async (text) => {
    const [problem] = await findProblems([text])
    return problem !== null
  })
  const [problem] = await findProblems([smallest])
  expect.fail(`${JSON.stringify(smallest)}\n${problem}\nfrom ${JSON.stringify(message)}`)
}

/** What is wrong with what becomes of each of the messages; null where nothing is. */
async function findProblems(messages: readonly string[]): Promise<(string | null)[]> {
  const ours = await lean.read(messages.map((bytes) => [bytes]))
  const halved = await lean.read(messages.map(inTwo))
  const theirs = await node.read(messages)
  return await Promise.all(
    messages.map(async (bytes, at) => {
      count(ours[at]!, theirs[at]!)
      const whole = toResult(ours[at]!)
      const cut = toResult(halved[at]!)
      if (whole !== cut) return `whole ${whole}\ncut in two ${cut}`
      return await findDifference(bytes, ours[at]!, theirs[at]!)
    }),
  )
}

async function findDifference(
  bytes: string,
  ours: Outcome,
  theirs: Outcome,
): Promise<string | null> {
  const difference = compareOutcomes(ours, theirs)
  if (difference.kind === 'conflict') return difference.what
  if (difference.kind !== 'wider') return null
  counts.wider++
  // Any token is a method to us: with one that Node knows it must take the message, too.
  const known = withKnownMethods(bytes, ours)
  if (known === bytes) {
    return `Node refuses what we take: ours ${toResult(ours)}, Node ${JSON.stringify(theirs)}`
  }
  const [again] = await lean.read([[known]])
  const [other] = await node.read([known])
  return await findDifference(known, again!, other!)
}

/** The message with another method for each request whose method Node does not know. */
function withKnownMethods(bytes: string, { requests }: Outcome): string {
  let changed = bytes
  let from = 0
  for (const { method } of requests) {
    const line = new RegExp(`${RegExp.escape(method)}( [^\r\n]* HTTP/1\\.[01]\r\n)`, 'g')
    line.lastIndex = from
    const match = line.exec(changed)
    if (match === null) continue
    const rest = changed.slice(line.lastIndex)
    const before = changed.slice(0, match.index)
    changed = before + (nodeMethods.has(method) ? method : 'PUT') + match[1]!
    from = changed.length
    changed += rest
  }
  return changed
}

/** Somewhere, but for the same message always at the same place. */
function inTwo(bytes: string): string[] {
  let sum = 0
  for (let i = 0; i < bytes.length; i++) sum = (sum * 31 + bytes.charCodeAt(i)) % 65_521
  const at = sum % (bytes.length + 1)
  return [bytes.slice(0, at), bytes.slice(at)].filter((piece) => piece !== '')
}

function toResult({ requests, end, status }: Outcome): string {
  return JSON.stringify({ requests, end, status })
}

function count(ours: Outcome, theirs: Outcome): void {
  const whole = ours.requests.filter((request) => request.whole)
  counts.messages++
  if (ours.end === 'refused') counts.refused++
  else if (whole.length > 0) counts.accepted++
  if (ours.end === 'refused' && theirs.end !== 'refused') counts.stricter++
  if (whole.some(({ body }) => body !== '')) counts.bodies++
  if (whole.length > 1) counts.several++
}
