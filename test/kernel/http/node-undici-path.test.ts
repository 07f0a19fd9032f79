import { createNodeListener } from '../../../kernel/http/node-listener.ts'
import { createUndiciSender } from '../../../kernel/http/undici-sender.ts'
import { describeHttpPath } from '../../conformance/http-path.ts'

describeHttpPath({
  name: 'node:http and undici',
  tolerates: ['two spaces in the request line'],
  createListener: createNodeListener,
  createSender: createUndiciSender,
})
