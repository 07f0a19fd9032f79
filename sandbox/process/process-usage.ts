import { readFileSync } from 'node:fs'

/** What a process has used: CPU of all its threads in milliseconds, resident memory in bytes. */
export interface ProcessUsage {
  readonly cpuMs: number
  readonly rssBytes: number
}

/** Reads the usage of a process; null where the platform does not tell, or when it is gone. */
export type ReadUsage = (pid: number) => ProcessUsage | null

/** Ticks of `utime` and `stime`: USER_HZ, which Linux fixes at 100 for programs. */
const TICK_MS = 10
const KB = 1024

export const readProcessUsage: ReadUsage = (pid) => {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The second field is the program's name in brackets and may hold anything.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const cpuMs = (Number(fields[11]) + Number(fields[12])) * TICK_MS
    const status = readFileSync(`/proc/${pid}/status`, 'latin1')
    const rss = /^VmRSS:\s+(\d+) kB$/m.exec(status)
    return { cpuMs, rssBytes: rss === null ? 0 : Number(rss[1]) * KB }
  } catch {
    return null
  }
}
