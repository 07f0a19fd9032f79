import { pino } from 'pino'
import { expect, test } from 'vitest'
import { type Configuration, Reloader } from '../../../kernel/process/reloader.ts'
import type { Snapshot } from '../../../kernel/snapshot.ts'
import { MemoryDestination } from '../../support/memory-destination.ts'
import { toConfiguration } from '../../support/test-primary.ts'

function reloaderWith(publish: (snapshot: Snapshot) => Promise<void> = () => Promise.resolve()) {
  const log = new MemoryDestination()
  const reads: ((configuration: Configuration) => void)[] = []
  let current: Snapshot = { version: 1, ...toConfiguration(['first']) }
  const reloader = new Reloader({
    read: () => new Promise((resolve) => reads.push(resolve)),
    current: () => current,
    publish: async (snapshot) => {
      await publish(snapshot)
      current = snapshot
    },
    log: pino({}, log),
  })
  return { reloader, reads, log, current: () => current }
}

test('requests that come while one is served become one, which reads what is there then', async () => {
  const { reloader, reads, current } = reloaderWith()
  const first = reloader.reload()
  const others = [reloader.reload(), reloader.reload(), reloader.reload()]
  reads[0]!(toConfiguration(['second']))
  expect(await first).toBe('loaded')
  await Promise.resolve()
  expect(reads).toHaveLength(2)
  reads[1]!(toConfiguration(['third']))
  expect(await Promise.all(others)).toEqual(['loaded', 'loaded', 'loaded'])
  expect(reads).toHaveLength(2)
  expect(current()).toMatchObject({ version: 3, hash: 'third' })
})

test('a snapshot that was refused leaves its number behind', async () => {
  const refused: number[] = []
  const { reloader, reads, current } = reloaderWith((snapshot) => {
    if (snapshot.hash !== 'bad') return Promise.resolve()
    refused.push(snapshot.version)
    return Promise.reject(new Error('no'))
  })
  const bad = reloader.reload()
  reads[0]!(toConfiguration(['bad']))
  expect(await bad).toBe('refused')
  const good = reloader.reload()
  reads[1]!(toConfiguration(['good']))
  expect(await good).toBe('loaded')
  expect(refused).toEqual([2])
  expect(current().version).toBe(3)
})

test('warnings are logged, also when nothing else changed', async () => {
  const { reloader, reads, log } = reloaderWith()
  const reload = reloader.reload()
  reads[0]!({ ...toConfiguration(['first']), warnings: ['beware'] })
  expect(await reload).toBe('unchanged')
  expect(log.text).toContain('beware')
})
