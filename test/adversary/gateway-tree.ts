import { readFileSync } from 'node:fs'
import { readTree } from '../bench/process-tree.ts'

/** The processes of a gateway; `others` are those of its libraries. */
export interface GatewayTree {
  readonly primary: number
  readonly workers: readonly number[]
  readonly sandboxes: readonly number[]
  readonly others: readonly number[]
}

export function readGatewayTree(primary: number): GatewayTree {
  const byKind = { worker: [] as number[], sandbox: [] as number[], other: [] as number[] }
  for (const { pid } of readTree(primary, () => '')) {
    if (pid !== primary) byKind[kindOf(pid)].push(pid)
  }
  return { primary, workers: byKind.worker, sandboxes: byKind.sandbox, others: byKind.other }
}

function kindOf(pid: number): 'worker' | 'sandbox' | 'other' {
  if (isSandbox(pid)) return 'sandbox'
  return readText(pid, 'cmdline').split('\0').includes('worker') ? 'worker' : 'other'
}

/** Its command names the add-on, also while it is still the shell that becomes it. */
export function isSandbox(pid: number): boolean {
  return readText(pid, 'cmdline').includes('isolated-vm.abi')
}

/** The children of a process's main thread, which is where Node starts them. */
export function childrenOf(pid: number): number[] {
  const text = readText(pid, `task/${pid}/children`)
  return text.split(' ').filter(Boolean).map(Number)
}

/** The most memory that the process has had resident, in bytes; 0 when it is gone. */
export function peakRssBytes(pid: number): number {
  const peak = /^VmHWM:\s+(\d+) kB$/m.exec(readText(pid, 'status'))
  return peak === null ? 0 : Number(peak[1]) * 1024
}

/** Whether a filter of system calls is in force around the process. */
export function hasSyscallFilter(pid: number): boolean {
  return /^Seccomp:\s+2$/m.test(readText(pid, 'status'))
}

/** Whether the process is there, and not only waiting to be taken note of. */
export function isRunning(pid: number): boolean {
  const state = /^State:\s+(\w)/m.exec(readText(pid, 'status'))
  return state !== null && state[1] !== 'Z'
}

function readText(pid: number, name: string): string {
  try {
    return readFileSync(`/proc/${pid}/${name}`, 'latin1')
  } catch {
    return ''
  }
}
