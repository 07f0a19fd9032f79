import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Children } from './children.ts'
import { readAllowedCores } from './core-usage.ts'
import { waitUntilGood } from './probe.ts'
import { BODY, startUpstream } from './start-row.ts'
import type { Bench } from './start-row.ts'
import { TOOLS, describeMissingTools, findTool } from './tools.ts'

/** Exit codes: 1 when a row is invalid, 2 when nothing could be measured at all. */
export const INVALID = 1
export const UNABLE = 2

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

/** Why the bench cannot run on this machine, one sentence each. */
export function findHindrances(): string[] {
  if (process.platform !== 'linux') {
    return [`The bench reads /proc, so it runs on Linux only; this is ${process.platform}.`]
  }
  const missing = describeMissingTools(TOOLS)
  if (readAllowedCores().length >= 2) return missing
  return [...missing, 'The bench needs two cores, one for the proxy and one for the load.']
}

/** Makes what the rows share, and leaves nothing of it behind, however the work ends. */
export async function runWithin(work: (bench: Bench) => Promise<number>): Promise<number> {
  const [loadCore, proxyCore] = readAllowedCores() as [number, number]
  const children = new Children()
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-bench-'))
  let stoppedBy = ''
  process.once('exit', () => {
    children.killAll()
    rmSync(folder, { recursive: true, force: true })
  })
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      stoppedBy = signal
      // Whatever the rows wait for ends by this, so `work` fails below.
      void children.stopAll()
    })
  }
  try {
    // What this process does (a shell of timers and pipes) is not to disturb the proxy's core.
    spawnSync('taskset', ['-a', '-c', '-p', String(loadCore), String(process.pid)])
    const nginx = findTool('nginx') ?? 'nginx'
    const wrk = findTool('wrk') ?? 'wrk'
    const shared = { children, root: ROOT, folder, nginx, wrk, proxyCore, loadCore }
    const upstream = await startUpstream(shared)
    const expected = { requestHeaders: {}, answerHeaders: [] }
    await waitUntilGood(expected, { ...upstream, body: BODY })
    return await work({ ...shared, upstreamPort: upstream.port })
  } catch (error) {
    if (stoppedBy === '') throw error
    console.error(`stopped by ${stoppedBy}; everything that was started is ended`)
    return UNABLE
  } finally {
    await children.stopAll()
  }
}
