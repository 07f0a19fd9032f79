import { fileURLToPath } from 'node:url'
import { pino } from 'pino'
import { startPrimary } from '../../kernel/process/primary.ts'
import { openDescriptor } from '../../kernel/telemetry/log.ts'

/** A primary with two fake workers in a process of its own, which a test may kill. */
const primary = await startPrimary({
  workers: 2,
  proxyListen: { hostname: '127.0.0.1', port: 0 },
  statusListen: 'off',
  accessLog: 'off',
  logLevel: 'silent',
  drainMs: 1000,
  gateway: {},
  sandbox: { allowMissing: [], jit: [] },
  plugins: [],
  program: {
    file: fileURLToPath(new URL('./fake-worker.ts', import.meta.url)),
    args: [],
    execArgv: ['--conditions=source'],
  },
  readConfiguration: () =>
    Promise.resolve({ hash: 'one', warnings: [], entities: { services: [] } as never }),
  watchConfiguration: null,
  log: pino({ level: 'silent' }),
  stdout: openDescriptor(1, 1 << 20),
  stderr: openDescriptor(2, 1 << 20),
})
process.stdout.write(JSON.stringify(primary.workers.map(({ pid }) => pid)))
