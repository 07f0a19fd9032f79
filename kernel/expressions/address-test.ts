import { BlockList, isIP, isIPv4 } from 'node:net'

/**
 * Whether an address is one of those given, or in one of the blocks given as `10.0.0.0/8`. An
 * address of the other family is in none, also not in the IPv6 block of mapped ones.
 */
export function toAddressTest(entries: readonly string[]): (address: string) => boolean {
  const lists = { 4: new BlockList(), 6: new BlockList() }
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/')
    const family = isIPv4(address) ? 'ipv4' : 'ipv6'
    const list = family === 'ipv4' ? lists[4] : lists[6]
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return (address) => {
    const version = isIP(address)
    if (version === 0) return false
    return version === 4 ? lists[4].check(address, 'ipv4') : lists[6].check(address, 'ipv6')
  }
}

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
