import { EventEmitter } from 'node:events'
import { expect, test } from 'vitest'
import { type ForkedProcess, runWorker } from '../../../kernel/process/worker.ts'

/** A process whose channel is as given, and how it ended. */
function startProcess(connected: boolean) {
  const exited = Promise.withResolvers<number>()
  const self = Object.assign(new EventEmitter(), {
    connected,
    pid: 1,
    send: () => connected,
    exit: (code: number) => exited.resolve(code),
  }) as unknown as ForkedProcess
  const parts = { bundledPlugins: [], hostFactories: () => Promise.resolve({}), createGateway }
  runWorker(parts as never, self)
  return { self: self as unknown as EventEmitter & { connected: boolean }, exited: exited.promise }
}

function createGateway(): never {
  throw new Error('nobody asked for a gateway')
}

test('a worker whose primary went while it was starting ends', async () => {
  expect(await startProcess(false).exited).toBe(0)
})

test('a worker whose primary goes ends', async () => {
  const { self, exited } = startProcess(true)
  self.connected = false
  self.emit('disconnect')
  expect(await exited).toBe(0)
})
