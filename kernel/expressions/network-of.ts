import { isIPv4 } from 'node:net'

/** The address with all but its first bits cleared, in one spelling for equal addresses. */
export function networkOf(address: string, bits: number): string {
  const isV4 = isIPv4(address)
  const width = isV4 ? 32 : 128
  const groups = isV4 ? address.split('.').map(Number) : toGroups(address)
  const size = isV4 ? 8n : 16n
  let value = 0n
  for (const group of groups) value = (value << size) | BigInt(group)
  value = (value >> BigInt(width - bits)) << BigInt(width - bits)
  const cleared = groups.map((_, index) => {
    const shift = BigInt(groups.length - 1 - index) * size
    return Number((value >> shift) & ((1n << size) - 1n))
  })
  return isV4 ? cleared.join('.') : shorten(cleared.map((group) => group.toString(16)).join(':'))
}

/** The eight groups of an IPv6 address. */
function toGroups(address: string): number[] {
  // The URL parser is the one in the platform that writes out every spelling the same way.
  const host = new URL(`http://[${address.replace(/%.*$/, '')}]/`).hostname.slice(1, -1)
  const [left = '', right] = host.split('::')
  const before = left === '' ? [] : left.split(':')
  const after = right === undefined || right === '' ? [] : right.split(':')
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => '0')
  return [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16))
}

const shorten = (address: string) => new URL(`http://[${address}]/`).hostname.slice(1, -1)
