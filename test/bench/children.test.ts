import { readFileSync } from 'node:fs'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { Children } from './children.ts'
import { readAllowedCores } from './core-usage.ts'
import { TOOLS, findTool } from './tools.ts'

const canPin = TOOLS.filter(({ debianPackage }) => debianPackage === 'util-linux').every(
  ({ name }) => process.platform === 'linux' && findTool(name) !== null,
)

/** A process that waits for a child of its own, whose pid it prints. */
const FAMILY = ['sh', '-c', 'sleep 60 & echo $!; wait']

function isAlive(pid: number): boolean {
  try {
    // Where nobody waits for orphans, a dead one stays as a zombie.
    return !/^State:\s*Z/m.test(readFileSync(`/proc/${pid}/status`, 'latin1'))
  } catch {
    return false
  }
}

describe.skipIf(!canPin)('processes of the bench', () => {
  const children = new Children()
  const core = canPin ? readAllowedCores()[0]! : 0

  afterEach(() => children.killAll())

  test('run on the core that they are given', async () => {
    const child = children.start(['grep', 'Cpus_allowed_list', '/proc/self/status'], { core })
    expect(await child.exited).toBe(0)
    expect(child.stdout()).toBe(`Cpus_allowed_list:\t${core}\n`)
    expect(child.hasExited()).toBe(true)
  })

  test('are ended with all their descendants', async () => {
    const child = children.start(FAMILY, { core })
    await vi.waitUntil(() => child.stdout() !== '')
    const grandchild = Number(child.stdout())
    expect(isAlive(grandchild)).toBe(true)
    await children.stop(child)
    expect(child.hasExited()).toBe(true)
    await vi.waitUntil(() => !isAlive(grandchild))
  })

  test('leave the end of what they wrote and their exit code', async () => {
    const child = children.start(['sh', '-c', 'echo out; echo wrong >&2; exit 3'], { core })
    expect(await child.exited).toBe(3)
    expect(child.tail()).toBe('out\nwrong')
    expect(child.stdoutBytes()).toBe(4)
  })

  test('all end when the bench is stopped, and no new one starts', async () => {
    const stopping = new Children()
    const family = [stopping.start(FAMILY, { core }), stopping.start(['sleep', '60'], { core })]
    await stopping.stopAll()
    expect(family.map((child) => child.hasExited())).toEqual([true, true])
    expect(() => stopping.start(['true'], { core })).toThrow('being stopped')
  })
})
