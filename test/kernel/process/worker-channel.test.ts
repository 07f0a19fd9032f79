import { expect, test } from 'vitest'
import type { Service } from '../../../kernel/config/entities.ts'
import {
  ENTITIES_PER_MESSAGE_MAX,
  type MessageToWorker,
  SnapshotAssembly,
  toMessages,
} from '../../../kernel/process/worker-channel.ts'
import type { Snapshot } from '../../../kernel/snapshot.ts'
import { toEntities } from '../../support/test-primary.ts'

function snapshotOf(version: number, services: number): Snapshot {
  const entities = toEntities(
    Array.from({ length: services }, (_, at) => ({ name: `service-${at}` }) as Service),
  )
  return { version, hash: `hash-${version}`, entities }
}

function assemble(assembly: SnapshotAssembly, messages: Iterable<MessageToWorker>) {
  let snapshot: Snapshot | null = null
  for (const message of messages) {
    if (message.kind === 'snapshotBegin') assembly.begin(message)
    if (message.kind === 'snapshotPart') assembly.part(message)
    if (message.kind === 'snapshotEnd') snapshot = assembly.end(message)
  }
  return snapshot
}

test.each([0, 1, ENTITIES_PER_MESSAGE_MAX, 1001])(
  'a snapshot of %d services arrives as it was',
  (services) => {
    const snapshot = snapshotOf(3, services)
    expect(assemble(new SnapshotAssembly(), toMessages(snapshot))).toEqual(snapshot)
  },
)

test('no message carries more entities than the limit', () => {
  const sizes = [...toMessages(snapshotOf(1, 1001))].map((message) =>
    message.kind === 'snapshotPart' ? message.entities.length : 0,
  )
  expect(Math.max(...sizes)).toBe(ENTITIES_PER_MESSAGE_MAX)
  expect(sizes.reduce((sum, size) => sum + size)).toBe(1001)
})

test('a snapshot that was not finished leaves nothing in the next', () => {
  const assembly = new SnapshotAssembly()
  assemble(assembly, [...toMessages(snapshotOf(1, 300))].slice(0, 4))
  const [, ...late] = [...toMessages(snapshotOf(1, 300))]
  const next = snapshotOf(2, 5)
  const [begin, ...rest] = [...toMessages(next)]
  assembly.begin(begin as never)
  assemble(
    assembly,
    late.filter((message) => message.kind === 'snapshotPart'),
  )
  expect(assemble(assembly, rest)).toEqual(next)
})

test('the end of another version gives nothing', () => {
  const assembly = new SnapshotAssembly()
  assemble(assembly, [...toMessages(snapshotOf(2, 1))].slice(0, -1))
  expect(assembly.end({ version: 1 })).toBeNull()
})
