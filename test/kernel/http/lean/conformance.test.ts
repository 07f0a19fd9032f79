import { createLeanListener } from '../../../../kernel/http/lean/lean-listener.ts'
import { createLeanSender } from '../../../../kernel/http/lean/lean-sender.ts'
import { describeHttpPath } from '../../../conformance/http-path.ts'

describeHttpPath({
  name: 'the lean listener and sender',
  tolerates: [],
  createListener: createLeanListener,
  createSender: createLeanSender,
})
