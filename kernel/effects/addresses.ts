import { BlockList, isIP, isIPv6 } from 'node:net'

/**
 * IPv4 that is not the public Internet (IANA special-purpose registry), and the address at which one
 * large cloud serves its machines' metadata in public space.
 */
const NOT_PUBLIC_V4: readonly (readonly [address: string, bits: number])[] = [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['168.63.129.16', 32],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
]

/** Within global unicast: tunnels that lead to an IPv4 address inside of them, and documentation. */
const NOT_PUBLIC_V6: readonly (readonly [address: string, bits: number])[] = [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
]

const notPublicV4 = toBlockList(NOT_PUBLIC_V4, 'ipv4')
const notPublicV6 = toBlockList(NOT_PUBLIC_V6, 'ipv6')
/** All of IPv6 that is routed in public; loopback, local and NAT64 addresses lie outside. */
const globalUnicast = toBlockList([['2000::', 3]], 'ipv6')

/**
 * One spelling of an address: IPv6 as the URL standard writes it, IPv4 in IPv6 as IPv4. Null when it is
 * none, or has a zone.
 */
export function toPlainAddress(text: string): string | null {
  const bare = text.startsWith('[') && text.endsWith(']') ? text.slice(1, -1) : text
  const family = isIP(bare)
  if (family === 0) return null
  if (family === 4) return bare
  if (bare.includes('%')) return null
  const written = new URL(`http://[${bare}]`).hostname.slice(1, -1)
  const mapped = /^::ffff:([0-9a-f]{1,4}):([0-9a-f]{1,4})$/.exec(written)
  if (mapped === null) return written
  const [high, low] = [Number.parseInt(mapped[1]!, 16), Number.parseInt(mapped[2]!, 16)]
  return `${high >> 8}.${high & 255}.${low >> 8}.${low & 255}`
}

/** Whether an address, as `toPlainAddress` writes it, is on the public Internet. */
export function isPublicAddress(address: string): boolean {
  if (!isIPv6(address)) return isIP(address) === 4 && !notPublicV4.check(address, 'ipv4')
  return globalUnicast.check(address, 'ipv6') && !notPublicV6.check(address, 'ipv6')
}

function toBlockList(
  subnets: readonly (readonly [address: string, bits: number])[],
  family: 'ipv4' | 'ipv6',
): BlockList {
  const list = new BlockList()
  for (const [address, bits] of subnets) list.addSubnet(address, bits, family)
  return list
}
