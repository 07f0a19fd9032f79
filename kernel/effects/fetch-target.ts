import { Resolver } from 'node:dns/promises'
import { isIP } from 'node:net'
import { PdkError } from '@sallyport/sdk'
import type { PluginLimits } from '../plugin-limits.ts'
import { isPublicAddress, toPlainAddress } from './addresses.ts'
import { notGranted, type Permissions } from './grants.ts'
import type { Destination } from './host-list.ts'
import { EFFECT_LIMIT_ROWS } from './limits.ts'

/** All addresses of a hostname, in the order in which they are to be tried; rejects when it has none. */
export type ResolveHostname = (hostname: string) => Promise<readonly string[]>

/** A URL that may be asked, and the one address that was checked for it. */
export interface FetchTarget extends Destination {
  readonly url: URL
  readonly address: string
}

const URL_LENGTH_MAX = EFFECT_LIMIT_ROWS.fetchUrlLengthMax.default
const DEFAULT_PORTS: Readonly<Record<string, number>> = { 'http:': 80, 'https:': 443 }

/** Reads a URL that a plugin or a redirect names. Throws `BAD_ARGUMENT`. */
export function parseFetchUrl(text: unknown, base?: URL): URL {
  const wanted = 'an absolute URL of http or https, without user and password'
  const refuse = () =>
    new PdkError('BAD_ARGUMENT', `http.fetch: expected ${wanted}, got ${quote(text)}`)
  if (typeof text !== 'string' || text.length > URL_LENGTH_MAX) throw refuse()
  const url = URL.parse(text, base)
  if (url === null || DEFAULT_PORTS[url.protocol] === undefined) throw refuse()
  if (url.username !== '' || url.password !== '') throw refuse()
  url.hash = ''
  return url
}

/**
 * Checks that the URL's host is granted, finds its addresses once, and checks all of them: a name that
 * has one address outside and one inside is refused. Throws `NOT_GRANTED` or `FETCH_FAILED`.
 */
export async function toFetchTarget(
  url: URL,
  permissions: Permissions,
  resolveHostname: ResolveHostname,
): Promise<FetchTarget> {
  const destination = toDestination(url)
  const { hostname } = destination
  if (!permissions.mayFetch(destination)) {
    throw notGranted('http.fetch', permissions, `http: ["${toEntry(destination)}"]`)
  }
  const addresses = await addressesOf(hostname, resolveHostname)
  for (const address of addresses) {
    if (isPublicAddress(address) || permissions.mayReach(address, destination)) continue
    // Which address it is would tell a plugin how the network behind the gateway looks.
    throw notGranted(
      'http.fetch',
      permissions,
      `for the address of "${hostname}", which is not public,`,
    )
  }
  return { ...destination, url, address: addresses[0]! }
}

async function addressesOf(
  hostname: string,
  resolveHostname: ResolveHostname,
): Promise<readonly string[]> {
  const literal = toPlainAddress(hostname)
  if (literal !== null) return [literal]
  let found: readonly string[]
  try {
    found = await resolveHostname(hostname)
  } catch {
    found = []
  }
  const addresses = found.map(toPlainAddress)
  if (addresses.length === 0 || addresses.includes(null)) {
    throw new PdkError('FETCH_FAILED', `http.fetch: "${hostname}" has no address`)
  }
  return addresses as readonly string[]
}

function toDestination(url: URL): Destination {
  const written = url.hostname.startsWith('[') ? toPlainAddress(url.hostname)! : url.hostname
  const hostname = written.endsWith('.') ? written.slice(0, -1) : written
  const own = DEFAULT_PORTS[url.protocol]!
  const port = url.port === '' ? own : Number(url.port)
  return { hostname, port, isDefaultPort: port === own }
}

function toEntry({ hostname, port, isDefaultPort }: Destination): string {
  const name = isIP(hostname) === 6 ? `[${hostname}]` : hostname
  return isDefaultPort ? name : `${name}:${port}`
}

/**
 * Asks DNS without `getaddrinfo`, which holds one of four threads that the whole worker shares for as
 * long as a name server wants. So names of `/etc/hosts` and search domains are not known here.
 */
export function createResolveHostname({
  fetchConnectMs,
}: Pick<PluginLimits, 'fetchConnectMs'>): ResolveHostname {
  const resolver = new Resolver({ timeout: fetchConnectMs / 2, tries: 2 })
  return async (hostname) => {
    const [v4, v6] = await Promise.allSettled([
      resolver.resolve4(hostname),
      resolver.resolve6(hostname),
    ])
    return [
      ...(v4.status === 'fulfilled' ? v4.value : []),
      ...(v6.status === 'fulfilled' ? v6.value : []),
    ]
  }
}

function quote(value: unknown): string {
  return typeof value === 'string' ? JSON.stringify(value.slice(0, 100)) : typeof value
}
