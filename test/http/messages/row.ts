/** A request that a message is, or begins with. What is left out is not compared. */
export interface ExpectedRequest {
  readonly method: string
  /** Origin form. */
  readonly target: string
  /** latin1. */
  readonly body: string
  readonly httpVersion?: '1.0' | '1.1'
  readonly authority?: string | null
  /** Names and values, as the exchange has them. */
  readonly headers?: readonly string[]
  readonly trailers?: readonly string[] | null
  readonly upgrade?: string | null
}

export type Expected =
  | {
      readonly kind: 'accepted'
      readonly requests: readonly ExpectedRequest[]
      /** Nothing is read after the last one. */
      readonly closes?: true
    }
  | {
      readonly kind: 'refused'
      readonly status: number
      readonly reason?: RegExp
      /** Good ones that came before. */
      readonly requests?: readonly ExpectedRequest[]
      /** The head was sound: its handler learns of a body that never ends well. */
      readonly inBody?: true
    }
  | {
      /** Nothing is wrong so far, but it is not whole. */
      readonly kind: 'waiting'
      readonly requests?: readonly ExpectedRequest[]
    }

/** One connection's worth of bytes, and what becomes of them. */
export interface MessageRow {
  readonly name: string
  /** latin1, as the client sends them. */
  readonly bytes: string
  readonly expect: Expected
  /** Node's parser refuses it: it knows a list of methods, and we take any token. */
  readonly wider?: true
  /** Node's parser takes it, or takes it otherwise: why we do not. */
  readonly stricter?: string
}

type More<Kind extends Expected['kind']> = Partial<
  Omit<Extract<Expected, { kind: Kind }>, 'kind' | 'status' | 'reason'>
> &
  Pick<MessageRow, 'wider' | 'stricter'>

/** Every request of the message is taken. */
export function accepted(
  name: string,
  bytes: string,
  requests: readonly ExpectedRequest[],
  { wider, stricter, ...more }: More<'accepted'> = {},
): MessageRow {
  return row({ name, bytes, expect: { kind: 'accepted', ...more, requests }, wider, stricter })
}

export function refused(
  name: string,
  bytes: string,
  [status, reason]: readonly [status: number, reason: RegExp],
  { wider, stricter, ...more }: More<'refused'> = {},
): MessageRow {
  return row({ name, bytes, expect: { kind: 'refused', status, reason, ...more }, wider, stricter })
}

export function waiting(
  name: string,
  bytes: string,
  { wider, stricter, ...more }: More<'waiting'> = {},
): MessageRow {
  return row({ name, bytes, expect: { kind: 'waiting', ...more }, wider, stricter })
}

function row(fields: {
  name: string
  bytes: string
  expect: Expected
  wider: true | undefined
  stricter: string | undefined
}): MessageRow {
  const { wider, stricter, ...rest } = fields
  return {
    ...rest,
    ...(wider === undefined ? {} : { wider }),
    ...(stricter === undefined ? {} : { stricter }),
  }
}

/** A request without a body. */
export function get(target = '/', more: Partial<ExpectedRequest> = {}): ExpectedRequest {
  return { method: 'GET', target, body: '', ...more }
}

/** A request with a body. */
export function post(body: string, more: Partial<ExpectedRequest> = {}): ExpectedRequest {
  return { method: 'POST', target: '/', body, ...more }
}

/** The bytes of a GET of `/` at the host `a` with these header lines. */
export function getBytes(lines = ''): string {
  return `GET / HTTP/1.1\r\nHost: a\r\n${lines}\r\n`
}

/** The bytes of a POST with these header lines and this after the head. */
export function postBytes(lines: string, rest: string): string {
  return `POST / HTTP/1.1\r\nHost: a\r\n${lines}\r\n${rest}`
}

/** The bytes of a POST whose body is chunked: these are the chunks. */
export function chunkedBytes(chunks: string): string {
  return postBytes('Transfer-Encoding: chunked\r\n', chunks)
}

/** What a smuggler wants the next server to take for a request. */
export const SMUGGLED = 'GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n'

export const MALFORMED = [400, /not HTTP/] as const
