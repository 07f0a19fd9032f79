import { jsonStringify, toText } from './primordials.ts'

/** One line out of the arguments of a log call: strings as they are, errors by message, else JSON. */
export function toLogText(parts: readonly unknown[]): string {
  let line = ''
  for (let i = 0; i < parts.length; i++) line += textOf(parts[i])
  return line
}

function textOf(part: unknown): string {
  if (typeof part === 'string') return part
  if (part instanceof Error) return toText(part.message)
  try {
    return jsonStringify(part) ?? toText(part)
  } catch {
    return toText(part)
  }
}
