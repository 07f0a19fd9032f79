import { isIPv6 } from 'node:net'

/** Kong's port of a target without one. */
const portDefault = 8000

const withPort = /^(\[[^\]]+\]|[^:[\]]+)(?::([0-9]{1,5}))?$/
const hostname = /^[a-z0-9_]([a-z0-9_.-]{0,253}[a-z0-9_])?$/

/** `hostname:port`, in lower case and with a port; null when it is no address. */
export function normalizeTarget(target: string): string | null {
  if (isIPv6(target)) return `[${target.toLowerCase()}]:${portDefault}`
  const match = withPort.exec(target.toLowerCase())
  const host = match?.[1]
  const port = Number(match?.[2] ?? portDefault)
  if (host === undefined || port > 65_535) return null
  const isAddress = host.startsWith('[') ? isIPv6(host.slice(1, -1)) : hostname.test(host)
  return isAddress ? `${host}:${port}` : null
}
