import { BlockList, isIP, isIPv6 } from 'node:net'
import type { NativeName } from '@sallyport/sdk/guest'

/** A longer text is no address and no URL that anybody means. */
const TEXT_LENGTH_MAX = 64 * 1024
const PARTS = [
  'href',
  'origin',
  'protocol',
  'username',
  'password',
  'host',
  'hostname',
  'port',
  'pathname',
  'search',
  'hash',
] as const
const SETTABLE: ReadonlySet<string> = new Set(PARTS.filter((part) => part !== 'origin'))

/**
 * What a guest may have its host compute, at once: texts in, a text out. It runs within the turn of the
 * guest, where no deadline reaches, so everything in it takes time in proportion to a bounded text.
 */
export function createNative(
  trustedIps: readonly string[],
): (name: NativeName, text: string) => string {
  const trusted = toBlockList(trustedIps)
  return (name, text) => {
    if (typeof text !== 'string' || text.length > TEXT_LENGTH_MAX) return ''
    try {
      switch (name) {
        case 'isTrusted':
          return String(isIP(text) !== 0 && trusted.check(text, isIPv6(text) ? 'ipv6' : 'ipv4'))
        case 'parseUrl':
          return parseUrl(text)
        case 'setUrl':
          return setUrl(text)
        default:
          return ''
      }
    } catch {
      return ''
    }
  }
}

function parseUrl(json: string): string {
  const [input, base] = JSON.parse(json) as [string, string | null]
  return toParts(base === null ? new URL(input) : new URL(input, base))
}

function setUrl(json: string): string {
  const [href, part, value] = JSON.parse(json) as [string, string, string]
  const url = new URL(href)
  if (SETTABLE.has(part)) (url as unknown as Record<string, string>)[part] = value
  return toParts(url)
}

function toParts(url: URL): string {
  return JSON.stringify(PARTS.map((part) => url[part]))
}

function toBlockList(entries: readonly string[]): BlockList {
  const list = new BlockList()
  for (const entry of entries) {
    const [address = '', bits] = entry.split('/')
    const family = isIPv6(address) ? 'ipv6' : 'ipv4'
    if (bits === undefined) list.addAddress(address, family)
    else list.addSubnet(address, Number(bits), family)
  }
  return list
}
