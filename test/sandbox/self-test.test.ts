import { describe, expect, test } from 'vitest'
import { withLimits } from '../../sandbox/limits.ts'
import { toChildFacts } from '../../sandbox/process/child-facts.ts'
import { activeLayers, describeLayers, type Layer, LAYERS } from '../../sandbox/process/layers.ts'
import { type Platform, thisPlatform } from '../../sandbox/process/platform.ts'
import { probeAbilities } from '../../sandbox/process/probe.ts'
import { testSandbox } from '../../sandbox/process/self-test.ts'

const platform = await thisPlatform()

test('a child cannot read, write, connect, spawn, kill, see an environment or compile', async () => {
  const { abilities, native, permissions, layers, faults } = await testSandbox()
  const isContained = layers.find(({ name }) => name === 'syscall-filter')!.active
  expect(abilities).toEqual({
    file: false,
    write: false,
    addon: false,
    network: false,
    spawn: false,
    // Without the filter only another user keeps a child from its gateway.
    kill: !isContained && !platform.isRoot,
    environment: false,
    jit: false,
  })
  if (isContained) {
    const none = { file: false, write: false, network: false, spawn: false, kill: false }
    expect(native).toEqual(none)
  }
  expect(permissions).toEqual([])
  expect(faults).toEqual([])
  expect(layers.every(({ active, why }) => active === (why === null))).toBe(true)
})

test('the same probe finds all of that in a process without layers', () => {
  expect(probeAbilities(process.ppid)).toEqual({
    file: true,
    write: true,
    addon: true,
    network: true,
    spawn: true,
    kill: true,
    environment: true,
    jit: true,
  })
})

describe('a planted child', () => {
  const active = activeLayers(platform)

  test.each(active.map(({ name }) => name))('without %s is found out', async (name) => {
    // With a JIT, V8 reserves more than a child may have.
    const limits = name === 'no-jit' ? { childDataBytesMax: 4 * 2 ** 30 } : {}
    const { faults } = await testSandbox({ limits, layers: leaveOut(name) })
    // The filter switches `no_new_privs` on for itself, too.
    if (name === 'no-new-privileges' && platform.hasFfi) return
    expect(faults.map((fault) => fault.split(':')[0])).toContain(name)
  })

  test('without any layer can do everything, natively too', async () => {
    const { abilities, faults } = await testSandbox({ layers: [] })
    expect(abilities).toMatchObject({
      file: true,
      write: true,
      addon: true,
      network: true,
      spawn: true,
      kill: true,
      jit: true,
    })
    expect(faults.length).toBeGreaterThanOrEqual(active.length - 3)
  })

  test.runIf(platform.hasFfi && platform.name === 'linux')(
    'that has only the filter can do nothing by system calls either',
    async () => {
      const filter = LAYERS.filter(({ name }) => name === 'syscall-filter')
      const { abilities, native } = await testSandbox({ layers: filter })
      expect(abilities).toMatchObject({
        file: false,
        write: false,
        network: false,
        spawn: false,
        kill: false,
      })
      expect(Object.values(native!)).not.toContain(true)
    },
  )

  function leaveOut(name: string): readonly Layer[] {
    if (name === 'permission-model-network') return withNetwork()
    // One program does both.
    const twins = ['no-new-privileges', 'own-user']
    return active.filter((layer) =>
      twins.includes(name) ? !twins.includes(layer.name) : layer.name !== name,
    )
  }

  function withNetwork(): readonly Layer[] {
    return leaveOut('dropped-permissions').map((layer) =>
      layer.name === 'permission-model'
        ? { ...layer, nodeFlags: (facts) => [...layer.nodeFlags!(facts), '--allow-net'] }
        : layer,
    )
  }
})

describe('layers that a platform does not have', () => {
  const bare: Platform = {
    name: 'linux',
    arch: 'x64',
    nodeMajor: 24,
    isRoot: false,
    hasFfi: false,
    setpriv: { path: null, missing: 'setpriv (util-linux) is not installed', remedy: 'install it' },
    unshare: { path: null, missing: 'unshare failed: Operation not permitted', remedy: 'allow it' },
  }

  test('are named with the reason', () => {
    const whys = Object.fromEntries(
      describeLayers(bare).flatMap(({ name, why }) => (why === null ? [] : [[name, why]])),
    )
    expect(whys).toEqual({
      namespaces: 'unshare failed: Operation not permitted',
      'no-new-privileges': 'setpriv (util-linux) is not installed',
      'own-user': 'setpriv (util-linux) is not installed',
      'permission-model-network': 'Node 24 has no permission for the network; 26 has',
      'syscall-filter': 'Node 24 has no node:ffi; 26 has',
    })
    const windows = describeLayers({ ...bare, name: 'win32' })
    expect(windows.find(({ name }) => name === 'resource-limits')!.active).toBe(false)
    const strange = describeLayers({ ...bare, hasFfi: true, arch: 'riscv64' })
    expect(strange.at(-1)!.why).toBe('there is no table for riscv64')
  })

  test('the JIT is on only when the operator says so, and that is named', () => {
    const off = describeLayers(platform, true).find(({ name }) => name === 'no-jit')
    expect(off).toMatchObject({ active: false, why: expect.stringContaining('sandbox_jit') })
  })

  test('what cannot be seen is no fault', async () => {
    const report = await testSandbox()
    const facts = toChildFacts(report, undefined, withLimits({}))
    expect(facts).toMatchObject({ status: null, limits: null, sharedNamespaces: [] })
  })
})
