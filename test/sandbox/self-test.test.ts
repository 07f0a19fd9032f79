import { expect, test } from 'vitest'
import { findIsolatedVm, loadIsolatedVm } from '../../sandbox/isolate/load-isolated-vm.ts'
import { describeLayers } from '../../sandbox/process/layers.ts'
import { probeAbilities } from '../../sandbox/process/probe.ts'
import { testSandbox } from '../../sandbox/process/self-test.ts'

test('a child cannot read files, connect, spawn, see an environment or compile', async () => {
  const { abilities, layers } = await testSandbox()
  expect(abilities).toMatchObject({
    file: false,
    addon: false,
    network: false,
    spawn: false,
    environment: false,
    jit: false,
  })
  expect(layers.every(({ active, why }) => active === (why === null))).toBe(true)
})

test('the same probe finds all of that in a process without layers', () => {
  const addon = findIsolatedVm()
  loadIsolatedVm(addon)
  // Loading the add-on again would abort this process; a file that is none tells as well.
  expect(probeAbilities(import.meta.filename)).toMatchObject({
    file: true,
    network: true,
    spawn: true,
    kill: true,
    environment: true,
    jit: true,
  })
})

test('a layer that a platform does not have is named with the reason', () => {
  const old = describeLayers({ name: 'linux', nodeMajor: 24 })
  expect(old.find(({ name }) => name === 'permission-model-network')).toMatchObject({
    active: false,
    why: 'Node 24 has no permission for the network; 26 has',
  })
  const windows = describeLayers({ name: 'win32', nodeMajor: 26 })
  expect(windows.find(({ name }) => name === 'resource-limits')!.active).toBe(false)
})
