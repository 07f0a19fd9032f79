import type { FinishedSpan, Span, SpanValue } from './pdk.ts'

/** A span that tells of itself once, when it is finished. */
export function startSpan(
  name: string,
  attributes: Readonly<Record<string, SpanValue>> | undefined,
  add: (span: FinishedSpan) => void,
): Span {
  const startTime = Date.now()
  const own: Record<string, SpanValue> = { ...attributes }
  let error: string | null = null
  let over = false
  return {
    setAttribute(key, value) {
      own[key] = value
    },
    recordError(message) {
      error = message
    },
    finish() {
      if (over) return
      over = true
      add({ name, startTime, endTime: Date.now(), attributes: own, error })
    },
  }
}
