import type { PdkMember } from '@sallyport/sdk'
import { EFFECT_LIMIT_ROWS } from '../effects/limits.ts'
import { badArgument, checkString } from '@sallyport/sdk/guest'

/** Effects whose arguments may be bytes, which cross out of a sandbox as `{ base64 }`. */
const TAKE_BYTES: ReadonlySet<PdkMember> = new Set<PdkMember>([
  'crypto.hash',
  'crypto.hmac',
  'crypto.equals',
])

/** Effects whose argument is an object with a field that may be bytes. */
const HAVE_BYTES: ReadonlySet<PdkMember> = new Set<PdkMember>(['http.fetch', 'crypto.verify'])

/** The arguments of an effect that came out of a sandbox, with bytes where bytes were meant. */
export function decodeEffectArguments(member: PdkMember, args: readonly unknown[]): unknown[] {
  if (TAKE_BYTES.has(member)) return args.map(toBytes)
  if (HAVE_BYTES.has(member)) return args.map((arg) => (isRecord(arg) ? withBytes(arg) : arg))
  return [...args]
}

/** The key of a value in cache or store: text that can be shown, so that nothing hides in it. */
export function checkKey(member: string, key: unknown): string {
  const most = EFFECT_LIMIT_ROWS.keyLengthMax.default
  const checked = checkString(member, 'a key', key)
  // oxlint-disable-next-line no-control-regex -- they are what is looked for
  if (checked === '' || checked.length > most || /[\x00-\x1f\x7f]/.test(checked)) {
    throw badArgument(member, `a key of 1 to ${most} characters without controls`, checked)
  }
  if (!checked.isWellFormed()) throw badArgument(member, 'a key of whole characters', checked)
  return checked
}

/** The value as JSON. */
export function checkJson(member: string, value: unknown): string {
  const json = JSON.stringify(value) as string | undefined
  if (json === undefined) throw badArgument(member, 'a value that JSON can hold', value)
  return json
}

export function checkOptions(member: string, options: unknown): Readonly<Record<string, unknown>> {
  if (options === undefined || options === null) return {}
  if (isRecord(options)) return options
  throw badArgument(member, 'an object of options', options)
}

function withBytes(record: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(record).map(([name, value]) => [name, toBytes(value)]))
}

function toBytes(value: unknown): unknown {
  if (!isRecord(value)) return value
  const { base64 } = value
  const isBytes = typeof base64 === 'string' && Object.keys(value).length === 1
  return isBytes ? Buffer.from(base64, 'base64') : value
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' &&
    value !== null &&
    !Array.isArray(value) &&
    !(value instanceof Uint8Array)
  )
}
