import { describe, expect, test } from 'vitest'
import { MESSAGE_TABLE } from './message-table.ts'
import { TABLE_LIMITS } from './messages/sizes.ts'
import { LeanParser, type Pieces } from './parsers/lean-parser.ts'
import type { Outcome } from './parsers/outcome.ts'

const lean = new LeanParser(TABLE_LIMITS)

/** Together in memory; a connection is only a few kilobytes. */
const AT_ONCE = 512

/** Which reason is found first may depend on what has arrived; what the client is told may not. */
function toResult({ requests, end, status }: Outcome) {
  return { requests, end, status }
}

async function expectSame(bytes: string, ways: readonly Pieces[]): Promise<void> {
  const [whole] = await lean.read([[bytes]])
  for (let from = 0; from < ways.length; from += AT_ONCE) {
    const some = ways.slice(from, from + AT_ONCE)
    const outcomes = await lean.read(some)
    outcomes.forEach((outcome, at) => {
      const said = JSON.stringify(some[at]!.map((piece) => piece.slice(-40)))
      expect(toResult(outcome), said).toEqual(toResult(whole!))
    })
  }
}

describe('cut in two at every byte, the same becomes of', () => {
  test.each(MESSAGE_TABLE)('$name', async ({ bytes }) => {
    const ways = Array.from({ length: bytes.length - 1 }, (_, at) => [
      bytes.slice(0, at + 1),
      bytes.slice(at + 1),
    ])
    await expectSame(bytes, ways)
  })
})

describe('cut in pieces of one, two, three and seven bytes, the same becomes of', () => {
  const SHORT_BYTES_MAX = 600
  const short = MESSAGE_TABLE.filter(({ bytes }) => bytes.length <= SHORT_BYTES_MAX)

  test.each(short)('$name', async ({ bytes }) => {
    const ways = [1, 2, 3, 7].map((size) =>
      Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
        bytes.slice(at * size, (at + 1) * size),
      ),
    )
    await expectSame(bytes, ways)
  })
})
