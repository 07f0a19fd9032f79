import { toAddressTest } from '@sallyport/sdk/address-test'
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
  const isTrusted = toAddressTest(trustedIps)
  return (name, text) => {
    if (typeof text !== 'string' || text.length > TEXT_LENGTH_MAX) return ''
    try {
      switch (name) {
        case 'isTrusted':
          return String(isTrusted(text))
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
