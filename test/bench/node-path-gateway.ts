// The row "gateway on node:http + undici": the same kernel on the reference implementation of the two
// ports, in one process. What the lean path is compared with.
import { pino } from 'pino'
import { loadDeclarative } from '../../kernel/config/declarative.ts'
import { createGateway } from '../../kernel/gateway.ts'
import { createHttpLimits } from '../../kernel/http/limits.ts'
import { createNodeListener } from '../../kernel/http/node-listener.ts'
import { createUndiciSender } from '../../kernel/http/undici-sender.ts'

const [port = 0, upstreamPort = 0] = process.argv.slice(2).map(Number)
const file = `
_format_version: "3.0"
services:
  - name: bench
    url: http://127.0.0.1:${upstreamPort}
    routes: [{ name: bench, paths: [/] }]
`
const loaded = loadDeclarative(file, { filename: 'bench.yml', plugins: new Map() })
if (!loaded.ok) throw new Error(loaded.errors.map((error) => error.message).join('; '))

const limits = createHttpLimits()
const gateway = createGateway({
  nodeId: 'bench',
  plugins: [],
  hostFactories: {},
  dataPath: {
    listen: (options) => createNodeListener({ ...options, limits }),
    sender: createUndiciSender({ limits }),
  },
  log: pino({ level: 'silent' }),
  accessLog: null,
})
await gateway.load({ version: 1, hash: loaded.hash, entities: loaded.entities })
await gateway.listen({ hostname: '127.0.0.1', port })
process.on('SIGTERM', () => void gateway.close().then(() => process.exit(0)))
