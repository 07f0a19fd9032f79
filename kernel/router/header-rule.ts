import { compileSafeRegex } from '../safe-regex.ts'
import type { SafeRegex } from '../safe-regex.ts'

/** What a route asks of one header. Values are compared in lower case. */
export interface HeaderRule {
  /** In lower case. */
  readonly name: string
  readonly values: ReadonlySet<string>
  /** From a single value `~*re`: searched anywhere in the lower-cased value. */
  readonly pattern: SafeRegex | null
}

/** The rules of a route's `headers`; `host` is none of them. Null when there are no rules. */
export function toHeaderRules(
  headers: Readonly<Record<string, readonly string[]>> | null | undefined,
): readonly HeaderRule[] | null {
  const rules: HeaderRule[] = []
  for (const [spelled, values] of Object.entries(headers ?? {})) {
    const name = spelled.toLowerCase()
    if (name === 'host') continue
    const [first] = values
    const isPattern = values.length === 1 && first !== undefined && first.startsWith('~*')
    const pattern = isPattern ? compileSafeRegex(first.slice(2)) : null
    rules.push({ name, values: new Set(values.map((value) => value.toLowerCase())), pattern })
  }
  return rules.length === 0 ? null : rules
}

/** The lower-cased value by which a request fulfils a rule, null if it does not. */
export function findHeader(headers: readonly string[], rule: HeaderRule): string | null {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (!isNamed(headers[at] ?? '', rule.name)) continue
    const value = (headers[at + 1] ?? '').toLowerCase()
    if (rule.values.has(value)) return value
    if (rule.pattern?.test(value) === true) return value
  }
  return null
}

/** Whether a name as received is the given lower-case name. */
export function isNamed(received: string, name: string): boolean {
  if (received.length !== name.length) return false
  return received === name || received.toLowerCase() === name
}
