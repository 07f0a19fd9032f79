import { compileSafeRegex } from '../safe-regex.ts'
import type { SafeRegex } from '../safe-regex.ts'
import { splitPort } from './split-port.ts'

/** A request's Host header, taken apart once. Everything is in lower case. */
export interface RequestHost {
  readonly hostname: string
  /** As it was written, brackets removed when there is no port: what a plain host equals. */
  readonly written: string
  /** With the scheme's port when none was written. */
  readonly port: string
  readonly hadPort: boolean
}

/** One element of a route's `hosts`. */
export interface HostRule {
  readonly spelled: string
  readonly kind: 'plain' | 'suffix' | 'prefix' | 'pattern'
  /** What the index looks up: the plain host, or the fixed part of a wildcard; port included. */
  readonly key: string
  readonly hasPort: boolean
  /** For wildcards that are neither `*.x` nor `x.*`. */
  readonly pattern: SafeRegex | null
}

const tlsSchemes: ReadonlySet<string> = new Set(['https', 'grpcs', 'wss', 'tls', 'tls_passthrough'])

export function toRequestHost(host: string | null, scheme: string): RequestHost | null {
  if (host === null || host === '') return null
  // Most requests name the host of the one before.
  if (host !== lastHost || scheme !== lastScheme) {
    lastParts = takeApart(host, scheme)
    lastHost = host
    lastScheme = scheme
  }
  return lastParts
}

let lastHost = ''
let lastScheme = ''
let lastParts: RequestHost | null = null

function takeApart(host: string, scheme: string): RequestHost {
  const folded = host.toLowerCase()
  const { hostname, hostWithPort, hadPort } = splitPort(folded)
  if (!hadPort) {
    return { hostname, written: hostname, port: tlsSchemes.has(scheme) ? '443' : '80', hadPort }
  }
  const port = hostWithPort.slice(hostWithPort.lastIndexOf(':') + 1)
  return { hostname, written: hostWithPort, port, hadPort }
}

export function toHostRules(
  hosts: readonly string[] | null | undefined,
): readonly HostRule[] | null {
  const rules = (hosts ?? []).map(toHostRule)
  return rules.length === 0 ? null : rules
}

function toHostRule(spelled: string): HostRule {
  const folded = spelled.toLowerCase()
  const { hostname, hostWithPort, hadPort } = splitPort(folded)
  const base = { spelled, hasPort: hadPort, pattern: null }
  if (!spelled.includes('*')) {
    return { ...base, kind: 'plain', key: hadPort ? hostWithPort : hostname }
  }
  const port = hadPort ? hostWithPort.slice(hostWithPort.lastIndexOf(':')) : ''
  const isSingle = hostname.indexOf('*') === hostname.lastIndexOf('*')
  if (isSingle && hostname.startsWith('*.')) {
    return { ...base, kind: 'suffix', key: hostname.slice(1) + port }
  }
  if (isSingle && hostname.endsWith('.*')) {
    return { ...base, kind: 'prefix', key: hostname.slice(0, -1) + port }
  }
  const parts = hostname.split('*').map((part) => `\\Q${part}\\E`)
  const pattern = compileSafeRegex(`^(?:${parts.join('.+')})$`)
  return { ...base, kind: 'pattern', key: port, pattern }
}

/** Whether one rule holds. The index answers the same for all rules at once. */
export function holdsHost(rule: HostRule, host: RequestHost): boolean {
  if (rule.kind === 'plain') return rule.key === host.written || rule.key === host.hostname
  const port = rule.hasPort ? `:${host.port}` : ''
  if (rule.kind === 'pattern') {
    return rule.key === port && rule.pattern?.test(host.hostname) === true
  }
  const fixed = port === '' ? rule.key : rule.key.slice(0, -port.length)
  if (rule.hasPort && rule.key !== fixed + port) return false
  if (host.hostname.length <= fixed.length) return false
  return rule.kind === 'suffix' ? host.hostname.endsWith(fixed) : host.hostname.startsWith(fixed)
}
