/** One thing that is wrong with a file, in words for the person who wrote it. */
export interface ConfigError {
  /** Starts with the field where there is one: `paths[0]: must start with "/" or "~", got "orders"`. */
  readonly message: string
  /** From 1. */
  readonly line: number
  readonly column: number
  /** Like `route "orders"`; empty when the file itself is meant. */
  readonly entity: string
  /** Place in the file, like `services[0].routes[2].paths[0]`; empty when the file itself is meant. */
  readonly field: string
  readonly filename: string
}

/** `kong.yml:12:5: route "orders": paths[0]: must start with "/" or "~", got "orders"` */
export function formatConfigError(error: ConfigError): string {
  const place = `${error.filename}:${error.line}:${error.column}`
  return [place, error.entity, error.message].filter((part) => part !== '').join(': ')
}

export type PathSegment = string | number
export type FieldPath = readonly PathSegment[]

const plainKey = /^[A-Za-z_][A-Za-z0-9_-]*$/

/** `['routes', 2, 'paths', 0]` becomes `routes[2].paths[0]`. */
export function formatPath(path: FieldPath): string {
  let text = ''
  for (const segment of path) {
    if (typeof segment === 'number') text += `[${segment}]`
    else if (!plainKey.test(segment)) text += `[${quote(segment)}]`
    else text += text === '' ? segment : `.${segment}`
  }
  return text
}

/** Longest quotation in a message: enough to recognise the value, short enough for one line. */
const quotedLengthMax = 80

/** A value as it is shown in messages: JSON, cut where it is long. */
export function quote(value: unknown): string {
  const text = typeof value === 'string' ? quoteString(value) : quoteOther(value)
  return text.length > quotedLengthMax ? `${text.slice(0, quotedLengthMax - 1)}…` : text
}

// Only the shown part is turned into JSON, so that a value of megabytes costs nothing.
const quoteString = (value: string) => JSON.stringify(value.slice(0, quotedLengthMax))

function quoteOther(value: unknown): string {
  if (Array.isArray(value) && value.length > 0 && value.length <= listedMax) {
    if (!value.some(isObject)) return `[${value.map(quote).join(', ')}]`
  }
  if (Array.isArray(value)) {
    return value.length === 0 ? 'an empty list' : `a list of ${value.length}`
  }
  return isObject(value) ? 'an object' : String(value)
}

/** Longer lists are counted instead. */
const listedMax = 5
const isObject = (value: unknown) => typeof value === 'object' && value !== null

/** A suffix like `; did you mean "paths"?`, or nothing when no candidate is near. */
export function didYouMean(word: string, candidates: Iterable<string>): string {
  let best: string | null = null
  let bestDistance = Math.min(3, Math.floor(word.length / 2) + 1)
  for (const candidate of candidates) {
    if (Math.abs(candidate.length - word.length) >= bestDistance) continue
    const distance = editDistance(word.toLowerCase(), candidate.toLowerCase())
    if (distance < bestDistance) {
      best = candidate
      bestDistance = distance
    }
  }
  return best === null ? '' : `; did you mean ${quote(best)}?`
}

function editDistance(left: string, right: string): number {
  // Words longer than this are data, not a misspelt name.
  if (left.length > 64 || right.length > 64) return Infinity
  let previous = Array.from({ length: right.length + 1 }, (_, index) => index)
  for (let row = 1; row <= left.length; row++) {
    const current = [row]
    for (let column = 1; column <= right.length; column++) {
      const replaced = (previous[column - 1] ?? 0) + (left[row - 1] === right[column - 1] ? 0 : 1)
      const inserted = Math.min(previous[column] ?? 0, current[column - 1] ?? 0) + 1
      current.push(Math.min(replaced, inserted))
    }
    previous = current
  }
  return previous[right.length] ?? Infinity
}
