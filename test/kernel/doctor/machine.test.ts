import { expect, test } from 'vitest'
import { tellMachine } from '../../../kernel/doctor/machine.ts'

const reference = { nodeVersion: '26.10.0', platform: 'linux', arch: 'x64', cores: 2 }

test('the reference is fine', () => {
  const told = tellMachine(reference, 2)
  expect(told.map(({ mark }) => mark)).toEqual(['ok', 'ok', 'ok'])
  expect(told[1]!.text).toBe('linux x64, 2 cores')
})

test.each([
  ['22.1.0', 'problem', 'needs Node 24 or newer, this is Node 22.1.0'],
  ['24.21.0', 'warning', '24.21.0; what is measured and tested is 26'],
  ['25.0.0', 'problem', '25.0.0: isolated-vm has no odd versions'],
  ['28.0.0', 'warning', '28.0.0; what is measured and tested is 26'],
])('of Node %s it is told that it is a %s', (nodeVersion, mark, text) => {
  const [node] = tellMachine({ ...reference, nodeVersion }, 1)
  expect(node).toMatchObject({ name: 'Node', mark, text, step: 'run the gateway on Node 26' })
})

test('other systems have fewer layers', () => {
  const told = tellMachine({ ...reference, platform: 'darwin', arch: 'arm64', cores: 1 }, 1)
  expect(told[1]).toMatchObject({
    mark: 'warning',
    text: "darwin arm64, 1 core: most sandbox layers are Linux's",
  })
})
