import { definePlugin } from '@sallyport/sdk'
import { spawn } from 'node:child_process'
import { writeFileSync } from 'node:fs'

/**
 * Runs inline and does to the worker what no attack may: the harness has to notice each of these. A
 * request says which by `X-Fault`.
 */
const kept: Buffer[] = []

const FAULTS: Readonly<Record<string, () => void>> = {
  'burns-cpu': () => {
    const { user } = process.threadCpuUsage()
    while (process.threadCpuUsage().user - user < 60_000);
  },
  'changes-a-prototype': () => {
    ;(Object.prototype as { polluted?: string }).polluted = 'yes'
  },
  'keeps-memory': () => {
    kept.push(Buffer.alloc(160 * 1024 * 1024, 1))
  },
  'leaves-a-file': () => writeFileSync('left-behind', ''),
  'leaves-a-process': () => {
    spawn(process.execPath, ['-e', 'setInterval(() => {}, 1000)'], {
      detached: true,
      stdio: 'ignore',
    }).unref()
  },
  'ends-the-worker': () => process.abort(),
}

export default definePlugin({
  name: 'faulty',
  version: '1.0.0',
  access(pdk) {
    FAULTS[pdk.request.getHeader('x-fault') ?? '']?.()
    const calm = pdk.request.getHeader('x-calm')
    pdk.response.exit(200, calm === null ? 'done' : `calm ${calm}`)
  },
})
