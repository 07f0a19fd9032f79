import { setTimeout as sleep } from 'node:timers/promises'
import { describe, expect, test } from 'vitest'
import { type AccessEntry, createAccessLog } from '../../../kernel/telemetry/access-log.ts'
import { MemoryDestination } from '../../support/memory-destination.ts'

const entry: AccessEntry = {
  time: 1_700_000_000_000,
  request_id: 'id-1',
  client_ip: '127.0.0.1',
  method: 'GET',
  path: '/orders',
  host: 'example.com',
  status: 200,
  bytes_received: 10,
  bytes_sent: 20,
  duration_ms: 1.5,
  upstream_ms: 1,
  route: 'orders',
  service: 'shop',
  consumer: null,
  target: '127.0.0.1:9000',
  tries: 1,
  source: 'service',
  error: null,
}

function logWith() {
  const destination = new MemoryDestination()
  const problems: string[] = []
  return { destination, problems, log: createAccessLog(destination, (text) => problems.push(text)) }
}

describe('an access log', () => {
  test('writes one JSON line for each entry, in blocks', async () => {
    const { destination, log } = logWith()
    log.write(entry)
    log.write({ ...entry, request_id: 'id-2' })
    expect(destination.writes).toBe(0)
    await sleep(150)
    expect(destination.writes).toBe(1)
    expect(destination.lines.map((line) => JSON.parse(line) as AccessEntry)).toEqual([
      entry,
      { ...entry, request_id: 'id-2' },
    ])
  })

  test('does not wait for the time when a block is full', () => {
    const { destination, log } = logWith()
    for (let count = 0; count < 50; count += 1) log.write(entry)
    expect(destination.writes).toBeGreaterThan(0)
  })

  test('never tells the values of a query', async () => {
    const { destination, log } = logWith()
    log.write({ ...entry, path: '/orders?apikey=secret?again' })
    void log.flush()
    await sleep(5)
    expect(JSON.parse(destination.lines[0]!)).toMatchObject({ path: '/orders' })
    expect(destination.text).not.toContain('secret')
  })

  test('keeps what a client sends within its line', async () => {
    const { destination, log } = logWith()
    log.write({ ...entry, path: '/a\n{"status":500}', host: '"\u2028' })
    void log.flush()
    await sleep(5)
    expect(destination.lines).toHaveLength(1)
  })

  test('is flushed when everything was written', async () => {
    const { destination, log } = logWith()
    await log.flush()
    log.write(entry)
    let isFlushed = false
    const flushed = log.flush().then(() => (isFlushed = true))
    await sleep(5)
    expect([destination.writes, isFlushed]).toEqual([1, false])
    destination.catchUp()
    await flushed
  })

  test('tells of lost lines once in a while, and is not stopped by them', async () => {
    const { destination, problems, log } = logWith()
    destination.emit('drop')
    destination.emit('drop')
    expect(problems).toEqual(['access log: lines were lost, they cannot be written in time'])
    log.write(entry)
    const flushed = log.flush()
    destination.emit('error', new Error('disk full'))
    await flushed
  })
})
