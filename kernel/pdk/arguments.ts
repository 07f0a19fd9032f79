import { type BodyLimits, PdkError } from '@sallyport/sdk'
import {
  badArgument,
  checkHeaderRecord as checkRecordOfHeaders,
  checkHeaderValues as checkValues,
} from '@sallyport/sdk/guest'
import type { PluginCall } from '../plugin-call.ts'

/** A handler that has answered the request changes nothing any more. */
export function refuseAfterExit(call: PluginCall, member: string): void {
  if (!call.exited) return
  throw new PdkError('ALREADY_EXITED', `${member} was called after response.exit`)
}

/** The values of one header; a single one is a list as well. */
export function checkHeaderValues(member: string, value: unknown): readonly string[] {
  const values = checkValues(member, value)
  return typeof values === 'string' ? [values] : values
}

/** What the upstream is asked as: exactly one, without what would end it or say more than a host. */
export function checkHost(member: string, values: readonly string[]): string {
  const [host] = values
  if (host === undefined || values.length > 1 || !/^[^\s/?#@,]+$/.test(host)) {
    throw badArgument(member, 'one hostname with an optional port as Host', host)
  }
  return host
}

export function checkHeaderRecord(
  member: string,
  headers: unknown,
): (readonly [name: string, values: readonly string[]])[] {
  return checkRecordOfHeaders(member, headers).map(([name, values]) => [
    name,
    typeof values === 'string' ? [values] : values,
  ])
}

/** What a plugin gets without saying how much it can take. */
const BODY_BYTES_DEFAULT = 1024 * 1024
/** Beyond it a body is not for reading as a whole; what crosses into a sandbox is smaller. */
const BODY_BYTES_MAX = 64 * 1024 * 1024

export function checkBodyLimits(
  call: PluginCall,
  member: string,
  limits: BodyLimits | undefined,
): number {
  const most = call.step.host.tier === 'inline' ? BODY_BYTES_MAX : BODY_BYTES_DEFAULT
  const max = limits?.maxBytes ?? BODY_BYTES_DEFAULT
  if (!Number.isInteger(max) || max < 1 || max > most) {
    throw badArgument(member, `maxBytes from 1 to ${most}`, max)
  }
  return max
}

export function checkBytes(member: string, value: unknown): Uint8Array {
  if (typeof value === 'string') return Buffer.from(value)
  if (value instanceof Uint8Array) return value
  throw badArgument(member, 'bytes or a string', value)
}
