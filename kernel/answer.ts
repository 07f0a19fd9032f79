import { type HeaderList, removeHeader, setHeader } from '@sallyport/sdk'
import type { BodySource } from './exchange.ts'

/** Who made the answer, as `pdk.response.getSource()` says it. */
export type AnswerSource = 'service' | 'exit' | 'error'

/** The answer to the client as it stands: from an upstream, from a plugin's exit, or an error. */
export interface Answer {
  readonly source: AnswerSource
  status: number
  /** Owned by this answer; framing headers in it are not used. */
  headers: HeaderList
  /** Bytes when it was made here; a source when it flows from an upstream; null for no body. */
  body: Uint8Array | BodySource | null
}

export type HeaderOperation =
  | { readonly kind: 'set' | 'add'; readonly name: string; readonly values: readonly string[] }
  | { readonly kind: 'clear'; readonly name: string }

export function applyHeaderOperation(headers: HeaderList, operation: HeaderOperation): void {
  switch (operation.kind) {
    case 'set':
      setHeader(
        headers,
        operation.name,
        operation.values.length === 1 ? operation.values[0]! : operation.values,
      )
      break
    case 'add':
      for (const value of operation.values) headers.push(operation.name, value)
      break
    case 'clear':
      removeHeader(headers, operation.name.toLowerCase())
      break
  }
}

/**
 * What plugins asked for before there was an answer: on top of what an upstream sent, but below what
 * an exit or an error says of itself, which came later and knows its own body.
 */
export function applyPendingOperations(
  answer: Answer,
  operations: readonly HeaderOperation[],
): void {
  const { headers, source } = answer
  const own = source === 'service' ? [] : headers.splice(0)
  for (const operation of operations) applyHeaderOperation(headers, operation)
  for (let i = 0; i < own.length; i += 2) removeHeader(headers, own[i]!.toLowerCase())
  headers.push(...own)
}

/** Bytes known beforehand; -1 when the body's length is only known at its end. */
export function answerLength(answer: Answer): number {
  if (answer.body === null) return 0
  return answer.body instanceof Uint8Array ? answer.body.byteLength : answer.body.length
}
