/**
 * `@sallyport/sdk/address-test`: which addresses are meant by a list of them. For gateways and plugin
 * hosts, which must agree on it; plugins ask `pdk.ip.isTrusted`.
 */
import { BlockList, isIP, isIPv4 } from 'node:net'

/**
 * Whether an address is one of those given, or in one of the blocks given as `10.0.0.0/8`. An
 * address of the other family is in none: not in the IPv6 block of mapped ones, and not in `::/0`.
 * Entries were checked by whoever took them; what is no address at all is in no list.
 */
export function toAddressTest(entries: readonly string[]): (address: string) => boolean {
  // One list a family: Node finds IPv4 in the IPv6 blocks of a common one.
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
