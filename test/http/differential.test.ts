import { describe, expect, test } from 'vitest'
import { expectOutcome } from './expect-outcome.ts'
import { MESSAGE_TABLE } from './message-table.ts'
import { TABLE_LIMITS } from './messages/sizes.ts'
import { LeanParser } from './parsers/lean-parser.ts'
import { NodeParser } from './parsers/node-parser.ts'
import { compareOutcomes } from './parsers/outcome.ts'

const lean = new LeanParser(TABLE_LIMITS)
const node = new NodeParser()

describe('the message table', () => {
  test('has at least 300 messages, each with a name of its own', () => {
    expect(MESSAGE_TABLE.length).toBeGreaterThanOrEqual(300)
    const names = MESSAGE_TABLE.map(({ name }) => name)
    expect(names.filter((name, at) => names.indexOf(name) !== at)).toEqual([])
  })

  test('has the same message only once', () => {
    const messages = MESSAGE_TABLE.map(({ bytes }) => bytes)
    const again = MESSAGE_TABLE.filter(({ bytes }, at) => messages.indexOf(bytes) !== at)
    expect(again.map(({ name }) => name)).toEqual([])
  })
})

describe('a connection does with', () => {
  test.each(MESSAGE_TABLE)('$name what the table says', async (row) => {
    const [outcome] = await lean.read([[row.bytes]])
    expectOutcome(row, outcome!)
  })
})

describe('beside the parser of Node, ours is', () => {
  test.each(MESSAGE_TABLE)('as the table says about $name', async (row) => {
    const [ours] = await lean.read([[row.bytes]])
    const [theirs] = await node.read([row.bytes])
    const difference = compareOutcomes(ours!, theirs!)
    const said = row.wider === true ? 'wider' : row.stricter === undefined ? 'same' : 'stricter'
    expect(difference).toEqual({ kind: said })
  })
})
