import { expect, test } from 'vitest'
import { createLog } from '../../../kernel/telemetry/log.ts'
import { createPluginLog } from '../../../kernel/telemetry/plugin-log.ts'
import { MemoryDestination } from '../../support/memory-destination.ts'

test.each([
  ['notice', 'info'],
  ['err', 'error'],
  ['crit', 'fatal'],
] as const)('what a plugin logs as %s is %s in the log', (level, written) => {
  const destination = new MemoryDestination()
  const write = createPluginLog(createLog({ level: 'debug', base: {}, destination }))
  write({ level, host: 'plugin:hello', text: 'two\nlines %s' })
  expect(destination.lines.map((line) => JSON.parse(line) as object)).toMatchObject([
    { level: written, pluginHost: 'plugin:hello', tenant: null, msg: 'two\nlines %s' },
  ])
})

test("a line of a tenant's sandbox carries the tenant", () => {
  const destination = new MemoryDestination()
  const write = createPluginLog(createLog({ level: 'debug', base: {}, destination }))
  write({ level: 'err', host: 'tenant:acme', text: 'killed' })
  expect(JSON.parse(destination.lines[0]!)).toMatchObject({ tenant: 'acme' })
})
