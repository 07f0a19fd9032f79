/** A request as a parser handed it over. */
export interface ReadRequest {
  readonly method: string
  /** Origin form. */
  readonly target: string
  readonly httpVersion: string
  readonly authority: string | null
  readonly headers: readonly string[]
  readonly upgrade: string | null
  /** What has arrived of it. */
  body: string
  trailers: readonly string[] | null
  /** Whether its end has arrived. */
  whole: boolean
}

/** What one parser made of the bytes of one connection. */
export interface Outcome {
  /** In their order; only the last may not be whole. */
  readonly requests: readonly ReadRequest[]
  /**
   * `open`: between two messages; `waiting`: within one; `closed`: nothing is read any more, and
   * nothing is wrong; `refused`: what came then is no message; `handed-over`: what comes then is
   * taken for another protocol and not looked at.
   */
  readonly end: 'open' | 'waiting' | 'closed' | 'refused' | 'handed-over'
  readonly status: number | null
  readonly reason: string | null
}

/** How the outcome of our parser stands to that of another. */
export type Difference =
  | { readonly kind: 'same' }
  /** We refuse what it takes, or end a connection that it goes on with. */
  | { readonly kind: 'stricter' }
  /** We take what it refuses. */
  | { readonly kind: 'wider' }
  /** Both take it, but not as the same. */
  | { readonly kind: 'conflict'; readonly what: string }

export function compareOutcomes(ours: Outcome, other: Outcome): Difference {
  const count = Math.min(ours.requests.length, other.requests.length)
  for (let i = 0; i < count; i++) {
    const difference = compareRequests(i, ours, other)
    if (difference !== null) return difference
  }
  if (other.end === 'handed-over' && other.requests.length === count) return { kind: 'same' }
  if (ours.requests.length > count) {
    return other.end === 'refused' ? { kind: 'wider' } : conflict('one request more', ours, other)
  }
  if (other.requests.length > count) {
    // It had told its handler of a head before it looked at how the body is framed.
    const last = other.requests.at(-1)!
    const isCaught = other.end === 'refused' && !last.whole && last.body === ''
    if (isCaught && ours.end === 'refused' && other.requests.length === count + 1) {
      return { kind: 'same' }
    }
    return ours.end === 'refused' || ours.end === 'closed'
      ? { kind: 'stricter' }
      : conflict('one request less', ours, other)
  }
  // What follows is read by it and not by us.
  if (ours.end === 'closed') return { kind: 'same' }
  if (ours.end === 'refused') return { kind: other.end === 'refused' ? 'same' : 'stricter' }
  // It may see earlier than we do that nothing good will come; nothing was taken yet.
  if (ours.end === 'waiting' && other.end === 'refused') return { kind: 'same' }
  if (other.end === 'refused') return { kind: 'wider' }
  // Half an empty line before the next message is nothing to one and a beginning to the other.
  if (other.end === 'waiting' && ours.end !== 'waiting') {
    return conflict('where it ends', ours, other)
  }
  const within = ours.requests.at(-1)?.whole === false
  if (within && other.end !== 'waiting') return conflict('where it ends', ours, other)
  return { kind: 'same' }
}

/** Null when the requests with this number are the same. */
function compareRequests(index: number, ours: Outcome, other: Outcome): Difference | null {
  const mine = ours.requests[index]!
  const theirs = other.requests[index]!
  for (const key of ['method', 'target', 'httpVersion', 'authority'] as const) {
    if (mine[key] !== theirs[key]) return conflict(key, ours, other)
  }
  if (!isSameList(mine.headers, theirs.headers)) return conflict('headers', ours, other)
  if (mine.whole && theirs.whole) {
    if (mine.body !== theirs.body) return conflict('body', ours, other)
    const isSame = isSameList(mine.trailers ?? [], theirs.trailers ?? [])
    return isSame ? null : conflict('trailers', ours, other)
  }
  const [shorter, longer] = [mine.body, theirs.body].toSorted((a, b) => a.length - b.length)
  if (!longer!.startsWith(shorter!)) return conflict('body', ours, other)
  if (mine.whole) {
    return other.end === 'refused' ? { kind: 'wider' } : conflict('end of the body', ours, other)
  }
  if (theirs.whole) {
    return ours.end === 'refused' ? { kind: 'stricter' } : conflict('end of the body', ours, other)
  }
  return null
}

function isSameList(one: readonly string[], other: readonly string[]): boolean {
  return one.length === other.length && one.every((text, at) => text === other[at])
}

function conflict(what: string, ours: Outcome, other: Outcome): Difference {
  return {
    kind: 'conflict',
    what: `${what}: ours ${JSON.stringify(ours)}, other ${JSON.stringify(other)}`,
  }
}
