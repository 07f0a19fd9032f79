import { expect, test } from 'vitest'
import { SANDBOX_ABILITIES } from '../../kernel/plugin-host.ts'
import { inspectSandbox } from '../../sandbox/process/inspect.ts'
import { activeLayers, LAYERS } from '../../sandbox/process/layers.ts'
import { type Platform, thisPlatform } from '../../sandbox/process/platform.ts'

const platform = await thisPlatform()

test('every layer is told, and every ability was tried', async () => {
  const { addon, failure, layers, trials } = await inspectSandbox({
    allowMissing: [],
    isJit: false,
  })
  expect(addon).toMatch(/\.node$/)
  expect(failure).toBeNull()
  expect(layers.map(({ name }) => name)).toEqual(LAYERS.map(({ name }) => name))
  const active = activeLayers(platform).map(({ name }) => name)
  for (const { name, verdict } of layers) {
    expect(verdict).toBe(active.includes(name) ? 'active' : 'missing')
  }
  expect([...new Set(trials.map(({ ability }) => ability))]).toEqual(SANDBOX_ABILITIES)
})

test('with compilers it says that they are on, and denies the rest all the same', async () => {
  const { failure, layers, refused } = await inspectSandbox({ allowMissing: ['kill'], isJit: true })
  expect([failure, refused]).toEqual([null, []])
  expect(layers.find(({ name }) => name === 'no-jit')).toMatchObject({
    verdict: 'missing',
    remedy: 'take the sandbox out of sandbox_jit',
  })
})

test('a child without any layer is refused, and each layer told as broken', async () => {
  const { layers, trials, refused } = await inspectSandbox({
    allowMissing: ['kill'],
    isJit: false,
    layers: [],
  })
  // Its environment was empty from the start, but for what a shell adds.
  expect(refused).toEqual(expect.arrayContaining(['file', 'network', 'spawn']))
  expect(refused).not.toContain('kill')
  expect(trials.filter(({ ability }) => ability === 'file').map((each) => each.possible)).toEqual([
    true,
    true,
    true,
  ])
  const filter = layers.find(({ name }) => name === 'permission-model')
  expect(filter).toMatchObject({
    verdict: 'broken',
    why: 'it is not switched on',
    remedy: expect.stringContaining('container'),
  })
})

test('a child that does not start is no reason to reject', async () => {
  const impossible = { ...LAYERS[0]!, shell: () => ['echo this machine is tired >&2', 'exit 7'] }
  const { failure, layers, trials } = await inspectSandbox({
    allowMissing: [],
    isJit: false,
    layers: [impossible],
  })
  expect(failure).toContain('this machine is tired')
  expect(trials).toEqual([])
  expect(layers.map(({ verdict }) => verdict)).not.toContain('active')
})

test('whatever is missing on some machine has a remedy', () => {
  const tool = { path: null, missing: 'unshare failed', remedy: 'allow it' }
  const bare: Platform = {
    ...{ name: 'linux', arch: 'x64', nodeMajor: 24, isRoot: false, hasFfi: false },
    ...{ setpriv: tool, unshare: tool },
  }
  const machines: Platform[] = [
    bare,
    { ...bare, name: 'darwin' },
    { ...bare, name: 'win32' },
    { ...bare, hasFfi: true, arch: 'riscv64' },
    { ...platform, isRoot: false },
  ]
  for (const machine of machines) {
    const missing = LAYERS.filter((layer) => layer.missing(machine) !== null)
    expect(missing).not.toEqual([])
    for (const layer of missing)
      expect(layer.remedy(machine), layer.name).toEqual(expect.any(String))
  }
})
