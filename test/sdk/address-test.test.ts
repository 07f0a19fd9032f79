import { toAddressTest } from '@sallyport/sdk/address-test'
import { expect, test } from 'vitest'

test.each([
  [['10.0.0.0/8'], '10.1.2.3', true],
  [['10.0.0.0/8'], '11.0.0.1', false],
  [['10.0.0.1'], '10.0.0.1', true],
  [['10.0.0.1'], '10.0.0.2', false],
  [['fd00::/8', '10.0.0.1'], 'fd12::1', true],
  [['fd00::1'], 'FD00:0::1', true],
  [['fe80::/10'], 'fe80::1%eth0', true],
  // An address of the other family is in none.
  [['::/0'], '10.1.2.3', false],
  [['::ffff:10.0.0.0/104'], '10.1.2.3', false],
  [['0.0.0.0/0'], '::1', false],
  [['10.0.0.0/8'], '::ffff:10.1.2.3', false],
  [[], '10.1.2.3', false],
  [['0.0.0.0/0', '::/0'], 'localhost', false],
  [['0.0.0.0/0', '::/0'], '', false],
])('%j holds %s: %s', (entries, address, wanted) => {
  expect(toAddressTest(entries)(address)).toBe(wanted)
})
