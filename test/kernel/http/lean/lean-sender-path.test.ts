import { createLeanSender } from '../../../../kernel/http/lean/lean-sender.ts'
import { createNodeListener } from '../../../../kernel/http/node-listener.ts'
import { describeHttpPath } from '../../../conformance/http-path.ts'

describeHttpPath({
  name: 'node:http and the lean sender',
  tolerates: ['two spaces in the request line'],
  createListener: createNodeListener,
  createSender: createLeanSender,
})
