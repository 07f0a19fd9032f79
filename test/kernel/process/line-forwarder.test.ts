import { PassThrough } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { LineForwarder } from '../../../kernel/process/line-forwarder.ts'
import { MemoryDestination } from '../../support/memory-destination.ts'

function forwarderWith(count: number) {
  const destination = new MemoryDestination()
  const forwarder = new LineForwarder(destination)
  const streams = Array.from({ length: count }, () => new PassThrough({ highWaterMark: 64 }))
  for (const stream of streams) forwarder.attach(stream)
  return { destination, streams }
}

test('a line is forwarded when it is whole', async () => {
  const { destination, streams } = forwarderWith(2)
  const [left, right] = streams
  left!.write('le')
  right!.write('right\nri')
  left!.write('ft\n')
  await sleep(5)
  expect(destination.text).toBe('right\nleft\n')
  right!.end('ght')
  await sleep(5)
  expect(destination.text).toBe('right\nleft\nright\n')
})

test('a character that arrives in two pieces stays whole', async () => {
  const { destination, streams } = forwarderWith(1)
  const bytes = Buffer.from('ä\n')
  streams[0]!.write(bytes.subarray(0, 1))
  await sleep(5)
  streams[0]!.write(bytes.subarray(1))
  await sleep(5)
  expect(destination.text).toBe('ä\n')
})

test('nothing is read while the destination is slow', async () => {
  const { destination, streams } = forwarderWith(2)
  destination.slow = true
  streams[0]!.write('first\n')
  await sleep(5)
  streams[0]!.write('second\n')
  streams[1]!.write('third\n')
  await sleep(20)
  expect(destination.text).toBe('first\n')
  destination.catchUp()
  await sleep(5)
  expect(destination.lines.toSorted()).toEqual(['first', 'second', 'third'])
})

test('a stream that is attached while the destination is slow waits, too', async () => {
  const destination = new MemoryDestination()
  const forwarder = new LineForwarder(destination)
  const early = new PassThrough()
  forwarder.attach(early)
  destination.slow = true
  early.write('early\n')
  await sleep(5)
  const late = new PassThrough()
  forwarder.attach(late)
  late.write('late\n')
  await sleep(20)
  expect(destination.text).toBe('early\n')
  destination.catchUp()
  await sleep(5)
  expect(destination.text).toBe('early\nlate\n')
})

test('a line that never ends is cut, so that it is not kept for ever', async () => {
  const { destination, streams } = forwarderWith(1)
  streams[0]!.resume()
  for (let part = 0; part < 300; part += 1) streams[0]!.write('x'.repeat(1024))
  await sleep(20)
  expect(destination.lines).toHaveLength(1)
  expect(destination.lines[0]!.length).toBeGreaterThan(256 * 1024)
})
