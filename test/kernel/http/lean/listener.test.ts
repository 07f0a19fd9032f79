import { createLeanListener } from '../../../../kernel/http/lean/lean-listener.ts'
import { createUndiciSender } from '../../../../kernel/http/undici-sender.ts'
import { describeHttpPath } from '../../../conformance/http-path.ts'

describeHttpPath({
  name: 'the lean listener and undici',
  tolerates: [],
  createListener: createLeanListener,
  createSender: createUndiciSender,
})
