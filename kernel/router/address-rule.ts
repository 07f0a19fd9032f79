import { toAddressTest } from '@sallyport/sdk/address-test'
import type { RouterAddress } from './types.ts'
import { toPlainAddress } from '../plain-address.ts'

/** One element of `sources` or `destinations`, ready to be compared. */
export interface AddressRule {
  readonly ip: string | null
  readonly port: number | null
  readonly range: ((address: string) => boolean) | null
}

export function toAddressRules(
  addresses: readonly RouterAddress[] | null | undefined,
): readonly AddressRule[] | null {
  const rules = (addresses ?? []).map(({ ip, port }) => ({
    ip: ip ?? null,
    port: port ?? null,
    range: ip?.includes('/') === true ? toAddressTest([ip]) : null,
  }))
  return rules.length === 0 ? null : rules
}

/** The first rule that holds for an address and port, null if none does. */
export function findAddress(
  rules: readonly AddressRule[],
  ip: string | null,
  port: number,
): AddressRule | null {
  const address = ip === null ? null : toPlainAddress(ip)
  for (const rule of rules) {
    if (rule.port !== null && rule.port !== port) continue
    if (rule.ip === null || (address !== null && holdsAddress(rule, address))) return rule
  }
  return null
}

/** How exactly the rules name an address: an address with its port goes before a whole range. */
export function addressRank(rules: readonly AddressRule[] | null): number {
  let rank = 0
  for (const { ip, port, range } of rules ?? []) {
    const byIp = ip === null ? 0 : range === null ? 3 : 1
    const byPort = port === null ? 0 : 1
    // A range alone says less than a port alone.
    rank = Math.max(rank, byIp === 1 && byPort === 0 ? 0 : byIp + byPort)
  }
  return rank
}

function holdsAddress(rule: AddressRule, address: string): boolean {
  return rule.range === null ? rule.ip === address : rule.range(address)
}
