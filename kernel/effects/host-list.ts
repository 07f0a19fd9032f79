import { isIP, isIPv6 } from 'node:net'
import { toAddressTest } from '@sallyport/sdk/address-test'
import { toPlainAddress } from './addresses.ts'

/** Where a request goes: hostname in lower case without the last dot, or a plain address; the port. */
export interface Destination {
  readonly hostname: string
  readonly port: number
  /** Whether it is the scheme's own port. */
  readonly isDefaultPort: boolean
}

interface HostRule {
  readonly matches: (hostname: string) => boolean
  readonly isAddress: boolean
  /** Null: the scheme's own; `*`: any. */
  readonly port: number | '*' | null
}

const LABEL = '[a-z0-9_](?:[a-z0-9_-]{0,61}[a-z0-9_])?'
const HOSTNAME = new RegExp(`^(?:\\*\\.)?${LABEL}(?:\\.${LABEL})*$`)
/** What comes before bits and port is in brackets, or has no colon, or is IPv6 without a port. */
const ENTRY = /^(\[[^\]]*\]|[^:/[\]]*|[^/[\]]*)(\/\d{1,3})?(?::(\d{1,5}|\*))?$/
const FORM =
  'a host like api.example.com, *.example.com, example.com:8443, 10.0.0.5:8080, 10.0.0.0/8 or *'

/**
 * A list of hosts as a manifest or a grant writes it. An entry without a port means the scheme's own
 * port, `:*` any. `*` is every hostname, and no address that is not public: such an address is in the
 * list only when it, or a range around it, is written there.
 */
export class HostList {
  readonly #rules: readonly HostRule[]

  /** Throws a `TypeError` that quotes the entry which cannot be read. */
  constructor(entries: readonly string[]) {
    this.#rules = entries.map(toRule)
  }

  /** Whether the URL's own host is in the list. */
  has(destination: Destination): boolean {
    return this.#rules.some(
      (rule) => fitsPort(rule, destination) && rule.matches(destination.hostname),
    )
  }

  /** Whether this address itself, or a range around it, is in the list. */
  hasAddress(address: string, destination: Destination): boolean {
    return this.#rules.some(
      (rule) => rule.isAddress && fitsPort(rule, destination) && rule.matches(address),
    )
  }
}

function fitsPort({ port }: HostRule, destination: Destination): boolean {
  if (port === '*') return true
  return port === null ? destination.isDefaultPort : port === destination.port
}

function toRule(entry: string): HostRule {
  const match = ENTRY.exec(entry.toLowerCase())
  const { name, bits, port } = splitEntry(match, entry)
  if (name === '*') return { matches: () => true, isAddress: false, port }
  const address = toPlainAddress(name)
  if (address !== null) return { matches: toRangeTest(address, bits), isAddress: true, port }
  if (bits !== null || !HOSTNAME.test(name) || /^[\d.]+$/.test(name)) throw unreadable(entry)
  if (!name.startsWith('*.')) return { matches: (host) => host === name, isAddress: false, port }
  const suffix = name.slice(1)
  return {
    matches: (host) => host.length > suffix.length && host.endsWith(suffix),
    isAddress: false,
    port,
  }
}

function splitEntry(match: RegExpExecArray | null, entry: string) {
  const [, name = '', bits, port] = match ?? []
  const isBare = isIP(name) === 6
  if (name === '' || (isBare && port !== undefined)) throw unreadable(entry)
  if (port !== undefined && port !== '*' && !(Number(port) >= 1 && Number(port) <= 65_535)) {
    throw unreadable(entry)
  }
  return {
    name,
    bits: bits === undefined ? null : Number(bits.slice(1)),
    port: port === undefined ? null : port === '*' ? ('*' as const) : Number(port),
  }
}

function toRangeTest(address: string, bits: number | null): (hostname: string) => boolean {
  if (bits === null) return (hostname) => hostname === address
  if (bits > (isIPv6(address) ? 128 : 32)) throw unreadable(`${address}/${bits}`)
  return toAddressTest([`${address}/${bits}`])
}

function unreadable(entry: string): TypeError {
  return new TypeError(`${JSON.stringify(entry.slice(0, 100))}: expected ${FORM}`)
}
