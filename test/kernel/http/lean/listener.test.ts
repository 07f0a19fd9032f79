import { createServer } from 'node:net'
import { expect, test } from 'vitest'
import { acceptReading } from '../../../../kernel/http/lean/accept-reading.ts'
import { createLeanListener } from '../../../../kernel/http/lean/lean-listener.ts'
import { createUndiciSender } from '../../../../kernel/http/undici-sender.ts'
import { describeHttpPath } from '../../../conformance/http-path.ts'

describeHttpPath({
  name: 'the lean listener and undici',
  tolerates: [],
  createListener: createLeanListener,
  createSender: createUndiciSender,
})

test('a server whose insides are not as expected is left as it is', () => {
  const server = createServer()
  expect(acceptReading(server, Buffer.alloc(1), () => null)).toBe(false)
})
