import { type FinishedSpan, type Span, type SpanValue, startSpan } from '@sallyport/sdk'
import type { PluginCall } from '../plugin-call.ts'
import { badArgument, checkRecord, checkString } from '@sallyport/sdk/guest'

const NAME_LENGTH_MAX = 200
const ATTRIBUTES_MAX = 50
const ATTRIBUTE_LENGTH_MAX = 1_000

/** Spans of a plugin's own. Without a trace of the request nothing is kept of them. */
export const tracingPdk = {
  'tracing.startSpan': (
    call: PluginCall,
    name: string,
    attributes?: Readonly<Record<string, SpanValue>>,
  ): Span => {
    const checked = checkString('tracing.startSpan', 'a name', name)
    const add = (span: FinishedSpan) => addSpan(call, span)
    return startSpan(checked, attributes, add)
  },

  'tracing.addSpan': addSpan,
}

function addSpan(call: PluginCall, span: FinishedSpan): void {
  const member = 'tracing.addSpan'
  const { name, startTime, endTime, attributes, error } = checkRecord(member, 'a span', span)
  const checked = checkString(member, 'a name', name).slice(0, NAME_LENGTH_MAX)
  if (typeof startTime !== 'number' || typeof endTime !== 'number' || !(endTime >= startTime)) {
    throw badArgument(member, 'endTime not before startTime', endTime)
  }
  if (call.ctx.trace === null) return
  call.ctx.trace.addPluginSpan(call.step, {
    name: checked,
    phase: call.phase,
    durationMs: endTime - startTime,
    detail: detailOf(attributes, error),
  })
}

function detailOf(attributes: unknown, error: unknown): string | null {
  const parts: string[] = []
  if (typeof error === 'string') parts.push(`error=${error.slice(0, ATTRIBUTE_LENGTH_MAX)}`)
  if (typeof attributes === 'object' && attributes !== null) {
    for (const [key, value] of Object.entries(attributes).slice(0, ATTRIBUTES_MAX)) {
      parts.push(`${key}=${String(value)}`.slice(0, ATTRIBUTE_LENGTH_MAX))
    }
  }
  return parts.length === 0 ? null : parts.join(' ')
}
