import {
  HostFailure,
  isAllowedIn,
  isPdkMember,
  PDK_MEMBERS,
  PdkError,
  type PdkMember,
} from '@sallyport/sdk'
import { PDK_IMPLEMENTATION } from './pdk/implementation.ts'
import type { PluginCall } from './plugin-call.ts'

const ARGUMENTS_MAX = 64
/** After one of these the request is answered, whatever else fails. */
const DECIDES: ReadonlySet<unknown> = new Set<PdkMember>(['response.exit', 'response.error'])
/**
 * What a call may write of headers, over all its changes. Each change looks at all that is there, and
 * a head beyond this is refused by most who would have to read it.
 */
const HEADER_VALUES_MAX = 256
const HEADERS_LENGTH_MAX = 64 * 1024
/** Each of these looks at the whole query or escapes the whole path. */
const TARGET_CHANGES_MAX = 32
const CHANGES_TARGET: ReadonlySet<unknown> = new Set<PdkMember>([
  'service.request.setPath',
  'service.request.setRawQuery',
  'service.request.setQuery',
  'service.request.clearQueryArg',
])
/** Where the value is of a member that takes a name before it. */
const NAME_AND_VALUE = 2
/** Where a member has its header, or an object of headers. */
const HEADER_ARGUMENTS: ReadonlyMap<unknown, number> = new Map<PdkMember, number>([
  ['response.setHeader', 2],
  ['response.addHeader', 2],
  ['response.setHeaders', 1],
  ['response.exit', 3],
  ['response.error', 3],
  ['service.request.setHeader', 2],
  ['service.request.addHeader', 2],
  ['service.request.setHeaders', 1],
])
/** Members of `log` that write no line. */
const WRITES_NO_LINE: ReadonlySet<string> = new Set<PdkMember>(['log.setSerializeValue'])
const TAKES_BYTES: ReadonlySet<PdkMember> = new Set<PdkMember>([
  'response.exit',
  'response.setChunk',
  'response.setRawBody',
  'service.request.setRawBody',
])

/**
 * Applies what came out of a sandbox. Nothing in it is trusted: every change is looked up in the PDK
 * table and goes through the same checks as an inline handler's call. Throws `HostFailure` of kind
 * `refused` at the first thing that is not as it should be; undoing is the caller's part.
 */
export function applyCallResult(call: PluginCall, result: unknown): void {
  if (!isRecord(result)) throw refused('the result is not an object')
  const { changes, shared, plugin } = result
  const { changesMax, logLinesMax } = call.limits
  if (!Array.isArray(changes) || changes.length > changesMax) {
    throw refused(`the result has no list of up to ${changesMax} changes`)
  }
  checkAmounts(changes)
  if (changes.filter(isLogLine).length > logLinesMax) {
    throw refused(`the result has more than ${logLinesMax} lines for the log`)
  }
  if (shared !== undefined) call.sharedContext = checkContext(call, 'ctx.shared', shared)
  if (plugin !== undefined) call.pluginContext = checkContext(call, 'ctx.plugin', plugin)
  const decided = changes.some((change) => Array.isArray(change) && DECIDES.has(change[0]))
  try {
    for (const change of changes) applyChange(call, change)
  } catch (error) {
    throw error instanceof HostFailure && decided
      ? new HostFailure(error.kind, error.message, true)
      : error
  }
}

function applyChange(call: PluginCall, change: unknown): void {
  if (!Array.isArray(change) || change.length > ARGUMENTS_MAX + 1) {
    throw refused('a change is not a list of a member and its arguments')
  }
  const [member, ...args] = change as unknown[]
  if (typeof member !== 'string' || !isPdkMember(member)) {
    throw refused(`unknown member ${JSON.stringify(member)?.slice(0, 100)}`)
  }
  if (PDK_MEMBERS[member].kind !== 'change' || !isAllowedIn(member, call.phase)) {
    throw refused(`${member} is no change that can be made in ${call.phase}`)
  }
  const implementation = PDK_IMPLEMENTATION[member] as (
    ofCall: PluginCall,
    ...all: unknown[]
  ) => unknown
  try {
    implementation(call, ...args.map((arg) => decodeArgument(member, arg)))
  } catch (error) {
    if (error instanceof PdkError) throw refused(error.message)
    throw error
  }
}

/** Bytes cross as `{ base64 }` where a member takes bytes; those of a text may cross as that. */
function decodeArgument(member: PdkMember, argument: unknown): unknown {
  if (!TAKES_BYTES.has(member) || !isRecord(argument)) return argument
  const keys = Object.keys(argument)
  if (keys.length !== 1 || typeof argument['base64'] !== 'string') return argument
  return Buffer.from(argument['base64'], 'base64')
}

/** `ctx.shared` of a tenant, or `ctx.plugin` of an instance. */
function checkContext(call: PluginCall, what: string, value: unknown): Record<string, unknown> {
  const { contextBytesMax } = call.limits
  if (!isRecord(value)) throw refused(`${what} is not an object`)
  if (JSON.stringify(value).length > contextBytesMax) {
    throw refused(`${what} is larger than ${contextBytesMax} characters of JSON`)
  }
  return value
}

function checkAmounts(changes: readonly unknown[]): void {
  let values = 0
  let length = 0
  let targets = 0
  for (const change of changes) {
    if (!Array.isArray(change)) continue
    const [member] = change as unknown[]
    if (CHANGES_TARGET.has(member)) targets++
    const at = HEADER_ARGUMENTS.get(member)
    if (at === undefined || change[at] === undefined) continue
    if (at === NAME_AND_VALUE && typeof change[1] === 'string') length += change[1].length
    for (const text of textsOf(change[at])) {
      values++
      length += text.length
    }
  }
  if (values > HEADER_VALUES_MAX || length > HEADERS_LENGTH_MAX) {
    throw refused(
      `the result writes ${values} values of headers with ${length} characters; up to ${HEADER_VALUES_MAX} with ${HEADERS_LENGTH_MAX} are allowed`,
    )
  }
  if (targets > TARGET_CHANGES_MAX) {
    throw refused(
      `the result changes path and query ${targets} times; up to ${TARGET_CHANGES_MAX} are allowed`,
    )
  }
}

/** The texts in a value, a list of them, or an object of headers. */
function textsOf(given: unknown): string[] {
  if (Array.isArray(given)) return given.flatMap(textsOf)
  if (typeof given !== 'object' || given === null) return [String(given)]
  return Object.entries(given).flatMap(([name, value]) => textsOf(value).map((text) => name + text))
}

function isLogLine(change: unknown): boolean {
  if (!Array.isArray(change)) return false
  const [member] = change as unknown[]
  return typeof member === 'string' && member.startsWith('log.') && !WRITES_NO_LINE.has(member)
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function refused(reason: string): HostFailure {
  return new HostFailure('refused', reason)
}
