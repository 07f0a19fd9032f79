import { spawnSync } from 'node:child_process'
import os from 'node:os'

/** What figures were measured on that need Node alone. */
export interface BareMachine {
  readonly date: string
  readonly cores: number
  readonly cpu: string
  readonly memoryGb: number
  readonly linux: string
  readonly node: string
}

/** What the figures were measured on. */
export interface Machine extends BareMachine {
  readonly nginx: string
  readonly wrk: string
}

export function readMachine(tools: { nginx: string; wrk: string }): Machine {
  return {
    ...readBareMachine(),
    nginx: readVersion([tools.nginx, '-v']),
    wrk: readVersion([tools.wrk, '-v']),
  }
}

export function readBareMachine(): BareMachine {
  return {
    date: new Date().toISOString().slice(0, 16).replace('T', ' ') + ' UTC',
    cores: os.cpus().length,
    cpu: os.cpus()[0]?.model ?? 'unknown',
    memoryGb: Math.round(os.totalmem() / 2 ** 30),
    linux: os.release(),
    node: process.versions.node,
  }
}

export function describeMachine(machine: Machine): string {
  return `${describeBareMachine(machine)} · nginx ${machine.nginx} · wrk ${machine.wrk}`
}

export function describeBareMachine(machine: BareMachine): string {
  const { date, cores, cpu, memoryGb, linux, node } = machine
  return `${date} · ${cores} cores, ${cpu}, ${memoryGb} GB · Linux ${linux} · Node ${node}`
}

/** The first version number in what a program says about itself, on whichever stream. */
export function toVersion(text: string): string {
  return /\d+\.\d+(\.\d+)?/.exec(text)?.[0] ?? 'unknown'
}

function readVersion([program, ...flags]: string[]): string {
  const { stdout, stderr } = spawnSync(program!, flags, { encoding: 'utf8', timeout: 5_000 })
  return toVersion(`${stdout}${stderr}`)
}
