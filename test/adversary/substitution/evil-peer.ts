/**
 * A sandbox host that somebody has taken over. It runs behind the same layers as the real one, in the
 * same order: the filter of system calls where there is one, and no rights. So it reads and writes as
 * the real one does, blocking, and has no timers: to sleep is to hold the only thread.
 */
import { readSync, writeSync } from 'node:fs'
import type { ChildOptions } from '../../../sandbox/process/launch.ts'
import { loadNativeCalls } from '../../../sandbox/process/native-calls.ts'
import { installSyscallFilter } from '../../../sandbox/process/syscall-filter.ts'
import { syscallsOf } from '../../../sandbox/process/syscalls.ts'
import { createEvilHost, type Evil } from './evil-host.ts'

const CHANNEL = 3
const { evil } = globalThis as unknown as { evil: Evil }
const { drops, hasFilter } = JSON.parse(process.argv[3] ?? '') as ChildOptions
const sleeper = new Int32Array(new SharedArrayBuffer(4))
const buffer = Buffer.alloc(64 * 1024)
let isDeaf = false
// The zone of the clock is read from a file, at its first use.
new Date().getTimezoneOffset()

const host = createEvilHost({
  ...{ evil, require, manifest: {} },
  sock: { pause: () => void (isDeaf = true) },
  write: (bytes) => {
    for (let at = 0; at < bytes.length;) at += writeSync(CHANNEL, bytes, at)
  },
  sleep: (ms) => {
    Atomics.wait(sleeper, 0, 0, ms)
    return Promise.resolve()
  },
})

// As in the real one: not before the loop has nothing left to close.
process.stdin.once('close', () => setImmediate(() => setImmediate(lockDown))).destroy()

function lockDown(): void {
  const table = syscallsOf(process.arch)
  const natively = hasFilter && table !== null ? loadNativeCalls() : null
  if (natively !== null && table !== null) {
    const fault = installSyscallFilter(natively, table)
    if (fault !== null) throw new Error(`an evil peer has no filter: ${fault}`)
  }
  const { permission } = process as { permission?: { drop?: (scope: string) => void } }
  for (const scope of drops) {
    try {
      permission?.drop?.(scope)
    } catch {
      // As in the real one.
    }
  }
  serve()
}

/** One read a turn: what an attack goes on with after an `await` has its turn in between. */
function serve(): void {
  if (isDeaf) return void Atomics.wait(sleeper, 0, 0)
  const count = readSync(CHANNEL, buffer)
  if (count === 0) process.abort()
  host.push(buffer.subarray(0, count))
  setImmediate(serve)
}
