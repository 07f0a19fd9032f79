/** Starts a sandbox and a spare, prints their process ids, and waits to be killed. */
import { createProcessHostFactory } from '../../sandbox/create-hosts.ts'
import { makeHostOptions, makePlugin } from '../support/host-call.ts'
import { childrenOfThisProcess } from './children.ts'

const { options } = makeHostOptions()
const host = createProcessHostFactory(options).createHost({
  name: 'plugin:p',
  tenant: null,
  plugins: [makePlugin('p', 'access() {}')],
})
await host.configure([{ key: 'key', id: 'id', pluginName: 'p', config: {} }])
setInterval(() => undefined, 1_000)
setTimeout(() => process.stdout.write(`${JSON.stringify(childrenOfThisProcess())}\n`), 100)
