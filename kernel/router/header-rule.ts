import { compileSafeRegex } from '../safe-regex.ts'
import type { SafeRegex } from '../safe-regex.ts'

/** What a route asks of one header. Values are compared in lower case. */
export interface HeaderRule {
  /** In lower case. */
  readonly name: string
  readonly values: ReadonlySet<string>
  /** The value when there is only one: compared without a look-up. */
  readonly only: string | null
  /** From a single value `~*re`: searched anywhere in the lower-cased value. */
  readonly pattern: SafeRegex | null
}

type Headers = Readonly<Record<string, readonly string[]>>

/**
 * The rules of a route's `headers`; `host` is none of them. Null when there are no rules. Thousands of
 * routes ask for the same few headers: they share the rules, which then are near at hand (measured with
 * 10,000 routes: half of a look-up is waiting for memory).
 */
export function toHeaderRules(headers: Headers | null | undefined): readonly HeaderRule[] | null {
  if (headers === null || headers === undefined) return null
  const key = JSON.stringify(headers)
  let rules = known.get(key)
  if (rules === undefined) {
    rules = makeRules(headers)
    if (known.size >= knownMax) known.clear()
    known.set(key, rules)
  }
  return rules.length === 0 ? null : rules
}

const known = new Map<string, readonly HeaderRule[]>()
const knownMax = 1_000

function makeRules(headers: Headers): HeaderRule[] {
  const rules: HeaderRule[] = []
  for (const [spelled, values] of Object.entries(headers)) {
    const name = spelled.toLowerCase()
    if (name === 'host') continue
    const [first] = values
    const isPattern = values.length === 1 && first !== undefined && first.startsWith('~*')
    const pattern = isPattern ? compileSafeRegex(first.slice(2)) : null
    const folded = new Set(values.map((value) => value.toLowerCase()))
    const [only = null] = folded.size === 1 ? folded : []
    rules.push({ name, values: folded, only, pattern })
  }
  return rules
}

/** The lower-cased value by which a request fulfils a rule, null if it does not. */
export function findHeader(headers: readonly string[], rule: HeaderRule): string | null {
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (!isNamed(headers[at] ?? '', rule.name)) continue
    const value = (headers[at + 1] ?? '').toLowerCase()
    if (rule.only === null ? rule.values.has(value) : rule.only === value) return value
    if (rule.pattern?.test(value) === true) return value
  }
  return null
}

/** The values that a request has under a name, in lower case. */
export function headerValues(headers: readonly string[], name: string): readonly string[] {
  const values: string[] = []
  for (let at = 0; at + 1 < headers.length; at += 2) {
    if (isNamed(headers[at] ?? '', name)) values.push((headers[at + 1] ?? '').toLowerCase())
  }
  return values
}

/** Whether a name as received is the given lower-case name. */
export function isNamed(received: string, name: string): boolean {
  if (received.length !== name.length) return false
  return received === name || received.toLowerCase() === name
}
