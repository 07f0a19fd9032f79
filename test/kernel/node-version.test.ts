import { expect, test } from 'vitest'
import { refuseNode } from '../../kernel/node-version.ts'

test.each(['24.0.0', '26.10.0', '100.1.2'])('Node %s is accepted', (version) => {
  expect(refuseNode(version)).toBeNull()
})

test.each(['0.12.1', '18.20.0', '20.19.4', '23.11.1'])('Node %s is refused', (version) => {
  expect(refuseNode(version)).toBe(`sallyport: needs Node 24 or newer, this is Node ${version}`)
})
