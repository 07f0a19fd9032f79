import { ProtocolError } from '@sallyport/sdk/protocol'
import { CALL_HEAD_LINES, CALL_LINES, FAILED_MARK, isFailure, LEFT } from '@sallyport/sdk/guest'

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

/** Answers that are not all results, or not all. */
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

const ID = /^\d{1,10} /

/** The id of each call. Throws a `ProtocolError` when a line that should begin one does not. */
export function idsOf(text: string): number[] {
  const ids: number[] = []
  const lines = text.split('\n')
  for (let at = 0; at < lines.length; at += CALL_LINES) {
    const [digits] = ID.exec(lines[at]!) ?? []
    if (digits === undefined) throw new ProtocolError('a call of several begins with no id')
    ids.push(Number(digits))
  }
  return ids
}

/** The instance of the first call. */
export function instanceKeyOf(text: string): string {
  const keyAt = text.indexOf(' ', text.indexOf(' ') + 1) + 1
  return text.slice(keyAt, text.indexOf('\n', keyAt))
}

/** Where the calls begin that come after the first `count`; null when there are none. */
export function endOfCalls(text: string, count: number): number | null {
  let at = 0
  for (let line = 0; line < count * CALL_LINES; line++) {
    at = text.indexOf('\n', at) + 1
    if (at === 0) return null
  }
  return at
}

/** The last call in parts. */
export function lastCallOf(text: string): { phase: string; view: string } {
  const lines = text.split('\n').slice(-CALL_LINES)
  const [, phase = ''] = lines[0]!.split(' ', 2)
  return { phase, view: lines.slice(CALL_HEAD_LINES).join('\n') }
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
