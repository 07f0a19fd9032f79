import { expect, test } from 'vitest'
import { createLog } from '../../../kernel/telemetry/log.ts'
import { MemoryDestination } from '../../support/memory-destination.ts'

test('the log has one JSON line for each message, with level and time in words', () => {
  const destination = new MemoryDestination()
  const log = createLog({ level: 'info', base: { worker: 2 }, destination })
  log.debug('not told')
  log.warn({ route: 'orders' }, 'told')
  const [line] = destination.lines.map((each) => JSON.parse(each) as Record<string, unknown>)
  expect(destination.lines).toHaveLength(1)
  expect(line).toMatchObject({ level: 'warn', worker: 2, route: 'orders', msg: 'told' })
  expect(line!['time']).toMatch(/^\d{4}-\d\d-\d\dT/)
})

test('secrets that somebody logs by mistake are not written', () => {
  const destination = new MemoryDestination()
  const log = createLog({ level: 'info', base: {}, destination })
  log.info({ authorization: 'Bearer hidden' })
  log.info({ config: { password: 'hidden', token: 'hidden' } })
  log.info({ request: { headers: { cookie: 'hidden', accept: 'shown' } } })
  log.info({ headers: { 'set-cookie': 'hidden', 'proxy-authorization': 'hidden' } })
  expect(destination.lines).toHaveLength(4)
  expect(destination.text).not.toContain('hidden')
  expect(destination.text).toContain('shown')
})
