import { STATUS_CODES } from 'node:http'
import { getHeader, type HeaderList } from '@sallyport/sdk'
import type { Exchange, UpstreamFailureKind } from './exchange.ts'

/** Who caused it: decides who is woken up at night. */
export type ErrorSource = 'client' | 'plugin' | 'upstream' | 'internal'

export interface ErrorRow {
  readonly status: number
  readonly source: ErrorSource
  /** What the client reads. Says nothing about the inside. */
  readonly message: string
}

/** Every failure that a client can be told of. Messages are Kong's where Kong has one. */
export const ERRORS = {
  NO_ROUTE: { status: 404, source: 'client', message: 'no Route matched with those values' },
  HTTPS_ONLY: { status: 426, source: 'client', message: 'Please use HTTPS protocol' },
  HTTP2_ONLY: { status: 426, source: 'client', message: 'Please use HTTP2 protocol' },
  NOT_GRPC: {
    status: 415,
    source: 'client',
    message: 'Non-gRPC request matched gRPC route',
  },
  GRPCS_ONLY: { status: 200, source: 'client', message: 'gRPC request matched gRPCs route' },
  BAD_PATH: { status: 400, source: 'client', message: 'Bad request' },
  NO_SERVICE: { status: 503, source: 'internal', message: 'no Service found with those values' },
  SERVICE_DISABLED: {
    status: 503,
    source: 'internal',
    message: 'no Service found with those values',
  },
  NO_TARGET: {
    status: 503,
    source: 'upstream',
    message: 'failure to get a peer from the ring-balancer',
  },
  NAME_RESOLUTION: { status: 503, source: 'upstream', message: 'name resolution failed' },
  UPSTREAM_UNREACHABLE: {
    status: 502,
    source: 'upstream',
    message: 'An invalid response was received from the upstream server',
  },
  UPSTREAM_BUSY: {
    status: 503,
    source: 'upstream',
    message: 'The upstream server is currently unavailable',
  },
  UPSTREAM_TIMEOUT: {
    status: 504,
    source: 'upstream',
    message: 'The upstream server is timing out',
  },
  ANSWER_TOO_LARGE: {
    status: 502,
    source: 'upstream',
    message: 'An invalid response was received from the upstream server',
  },
  REQUEST_BODY: { status: 400, source: 'client', message: 'Bad request' },
  PLUGIN_ERROR: { status: 500, source: 'plugin', message: 'An unexpected error occurred' },
  PLUGIN_UNAVAILABLE: {
    status: 503,
    source: 'plugin',
    message: 'The request could not be processed in time',
  },
  INTERNAL: { status: 500, source: 'internal', message: 'An unexpected error occurred' },
} as const satisfies Record<string, ErrorRow>

export type ErrorCode = keyof typeof ERRORS

/** How a failed try is told to the client, and whether another target may do better. */
export const UPSTREAM_FAILURES: Readonly<
  Record<UpstreamFailureKind, { readonly code: ErrorCode; readonly retry: boolean }>
> = {
  'connect-refused': { code: 'UPSTREAM_UNREACHABLE', retry: true },
  'connect-timeout': { code: 'UPSTREAM_TIMEOUT', retry: true },
  'name-resolution': { code: 'NAME_RESOLUTION', retry: true },
  tls: { code: 'UPSTREAM_UNREACHABLE', retry: true },
  'write-timeout': { code: 'UPSTREAM_TIMEOUT', retry: true },
  'read-timeout': { code: 'UPSTREAM_TIMEOUT', retry: true },
  'total-timeout': { code: 'UPSTREAM_TIMEOUT', retry: false },
  // The request has not left; a target with fewer of them may take it.
  queue: { code: 'UPSTREAM_BUSY', retry: true },
  closed: { code: 'UPSTREAM_UNREACHABLE', retry: true },
  'bad-answer': { code: 'UPSTREAM_UNREACHABLE', retry: false },
  'request-body': { code: 'REQUEST_BODY', retry: false },
}

export interface ErrorBody {
  readonly contentType: string
  readonly body: Uint8Array
}

/** The body of an error answer, in the form that the client asked for; JSON when it did not ask. */
export function formatError(exchange: Exchange, message: string, requestId: string): ErrorBody {
  const form = chooseForm(getHeader(exchange.headers, 'accept'))
  return { contentType: form.contentType, body: Buffer.from(form.write(message, requestId)) }
}

/** What Kong says for a status that nobody gave a message for. */
const USUAL_MESSAGES: Readonly<Record<number, string>> = {
  400: 'Bad request',
  401: 'Unauthorized',
  404: 'Not found',
  405: 'Method not allowed',
  408: 'Request timeout',
  411: 'Length required',
  412: 'Precondition failed',
  413: 'Payload too large',
  414: 'URI too long',
  417: 'Expectation failed',
  500: 'An unexpected error occurred',
  502: 'An invalid response was received from the upstream server',
  503: 'The upstream server is currently unavailable',
  504: 'The upstream server is timing out',
}

export function usualMessage(status: number): string {
  return USUAL_MESSAGES[status] ?? STATUS_CODES[status] ?? 'The request failed'
}

/** Headers that an error row wants besides the body's own. */
export function errorHeaders(code: ErrorCode): HeaderList {
  if (code === 'HTTPS_ONLY') return ['Connection', 'Upgrade', 'Upgrade', 'TLS/1.2, HTTP/1.1']
  if (code === 'HTTP2_ONLY') return ['Connection', 'Upgrade', 'Upgrade', 'HTTP/2']
  return []
}

interface ErrorForm {
  readonly contentType: string
  readonly write: (message: string, requestId: string) => string
}

const JSON_FORM: ErrorForm = {
  contentType: 'application/json; charset=utf-8',
  write: (message, requestId) => JSON.stringify({ message, request_id: requestId }),
}

const FORMS: Readonly<Record<string, ErrorForm>> = {
  'application/json': JSON_FORM,
  'application/*': JSON_FORM,
  '*/*': JSON_FORM,
  'text/html': {
    contentType: 'text/html; charset=utf-8',
    write: (message, requestId) =>
      `<!doctype html>\n<html>\n<head><title>Error</title></head>\n<body>\n` +
      `<h1>${escapeMarkup(message)}</h1>\n<p>request_id: ${escapeMarkup(requestId)}</p>\n` +
      `</body>\n</html>\n`,
  },
  'application/xml': {
    contentType: 'application/xml; charset=utf-8',
    write: (message, requestId) =>
      `<?xml version="1.0" encoding="UTF-8"?>\n<error>\n` +
      `<message>${escapeMarkup(message)}</message>\n` +
      `<requestid>${escapeMarkup(requestId)}</requestid>\n</error>\n`,
  },
  'text/plain': {
    contentType: 'text/plain; charset=utf-8',
    write: (message, requestId) => `${message}\nrequest_id: ${requestId}\n`,
  },
}
const FORM_ALIASES: Readonly<Record<string, string>> = {
  'application/xhtml+xml': 'text/html',
  'text/xml': 'application/xml',
  'text/*': 'text/plain',
}
/** A client that lists more than this is not choosing any more. */
const ACCEPT_RANGES_MAX = 20

/** The first form among those with the highest quality; JSON when none of ours is wanted. */
function chooseForm(accept: string | null): ErrorForm {
  if (accept === null) return JSON_FORM
  let best: ErrorForm | null = null
  let bestQuality = 0
  for (const range of accept.split(',', ACCEPT_RANGES_MAX)) {
    const [type = '', ...parameters] = range.split(';')
    const name = type.trim().toLowerCase()
    const form = FORMS[FORM_ALIASES[name] ?? name]
    if (form === undefined) continue
    const quality = readQuality(parameters)
    if (quality > bestQuality) {
      best = form
      bestQuality = quality
    }
  }
  return best ?? JSON_FORM
}

function readQuality(parameters: readonly string[]): number {
  for (const parameter of parameters) {
    const match = /^\s*q\s*=\s*([01](?:\.\d{0,3})?)\s*$/i.exec(parameter)
    if (match !== null) return Math.min(Number(match[1]), 1)
  }
  return 1
}

function escapeMarkup(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}
