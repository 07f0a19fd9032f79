import { isIP, isIPv6 } from 'node:net'
import { toAddressTest } from '@sallyport/sdk/address-test'

/**
 * IPv4 that is not the public Internet (IANA special-purpose registry), and the address at which one
 * large cloud serves its machines' metadata in public space.
 */
const NOT_PUBLIC_V4: readonly string[] = [
  '0.0.0.0/8',
  '10.0.0.0/8',
  '100.64.0.0/10',
  '127.0.0.0/8',
  '168.63.129.16/32',
  '169.254.0.0/16',
  '172.16.0.0/12',
  '192.0.0.0/24',
  '192.0.2.0/24',
  '192.88.99.0/24',
  '192.168.0.0/16',
  '198.18.0.0/15',
  '198.51.100.0/24',
  '203.0.113.0/24',
  '224.0.0.0/3',
]

/** Within global unicast: tunnels that lead to an IPv4 address inside of them, and documentation. */
const NOT_PUBLIC_V6: readonly string[] = ['2001::/23', '2001:db8::/32', '2002::/16', '3fff::/20']

const isSpecial = toAddressTest([...NOT_PUBLIC_V4, ...NOT_PUBLIC_V6])
/** All of IPv6 that is routed in public; loopback, local and NAT64 addresses lie outside. */
const isGlobalUnicast = toAddressTest(['2000::/3'])

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
  const isRouted = isIPv6(address) ? isGlobalUnicast(address) : isIP(address) === 4
  return isRouted && !isSpecial(address)
}
