import { ProtocolError } from '@sallyport/sdk/protocol'
import { FAILED_MARK, isFailure, LEFT } from '@sallyport/sdk/guest'

/*
 * What is to be known of the text of calls (`toCallText`) and of their answers outside of the guest. A
 * child interprets this, so what every call needs looks at as little of them as it can.
 */

const BRACE_CLOSE = 0x7d
const FAILED_LINE = `\n${FAILED_MARK}`

/** Whether all calls have ended, and each with a result: then every line is one. */
export function areResults(answers: string): boolean {
  return (
    answers.charCodeAt(answers.length - 1) === BRACE_CLOSE &&
    !isFailure(answers) &&
    !answers.includes(FAILED_LINE)
  )
}

/** Answers that are not all results, or not all; at least one. */
export interface SomeAnswers {
  readonly kind: 'some'
  readonly lines: readonly string[]
  /** Whether there are calls that have not begun. */
  readonly areLeft: boolean
}

export function splitAnswers(answers: string): SomeAnswers {
  const lines = answers.split('\n')
  const areLeft = lines.at(-1) === LEFT
  if (areLeft) lines.pop()
  return { kind: 'some', lines, areLeft }
}

const HEAD = /(\d{1,10}) (\d{1,10}) (\w+) ([^\n]*)\n/y

/** A call in the text of calls. */
interface CallAt {
  readonly id: number
  readonly phase: string
  readonly instanceKey: string
  /** Where what follows its head begins, and where it ends. */
  readonly bodyAt: number
  readonly end: number
}

/** Throws a `ProtocolError` when there is none. */
function callAt(text: string, at: number): CallAt {
  HEAD.lastIndex = at
  const head = HEAD.exec(text)
  const end = HEAD.lastIndex + Number(head?.[2])
  if (head === null || end > text.length) throw new ProtocolError('a call of several has no head')
  const [, id, , phase, instanceKey] = head as unknown as [string, string, string, string, string]
  return { id: Number(id), phase, instanceKey, bodyAt: HEAD.lastIndex, end }
}

/** The id of each call. Throws a `ProtocolError` when something is none. */
export function idsOf(text: string): number[] {
  const ids: number[] = []
  for (let at = 0; at <= text.length;) {
    const { id, end } = callAt(text, at)
    ids.push(id)
    at = end + 1
  }
  return ids
}

/** The instance of the first call. */
export function instanceKeyOf(text: string): string {
  return callAt(text, 0).instanceKey
}

/** Where the calls begin that come after the first `count`; null when there are none. */
export function endOfCalls(text: string, count: number): number | null {
  let at = 0
  for (let call = 0; call < count; call++) at = callAt(text, at).end + 1
  return at > text.length ? null : at
}

/** The last call in parts. */
export function lastCallOf(text: string): { phase: string; view: string } {
  let call = callAt(text, 0)
  while (call.end < text.length) call = callAt(text, call.end + 1)
  const viewAt = text.indexOf('\n', call.bodyAt) + 1
  return { phase: call.phase, view: text.slice(viewAt, call.end) }
}

export function lastLineOf(text: string): string {
  return text.slice(text.lastIndexOf('\n') + 1)
}

/** One after the other: there may be more than anybody wants, and none has been looked at. */
export function* linesOf(text: string): Generator<string> {
  for (let at = 0; ;) {
    const end = text.indexOf('\n', at)
    yield text.slice(at, end === -1 ? text.length : end)
    if (end === -1) return
    at = end + 1
  }
}
