import type { Consumer, Credential, Route, Service, Target } from './entities.ts'
import type { UriCaptures } from './pdk.ts'
import type { SerializeValue } from './serialize.ts'

/**
 * What crosses into a sandbox for one handler call: everything that the synchronous part of the PDK
 * answers from. JSON only; header lists are flat (`name, value, name, value`).
 *
 * It crosses as a text of one line of JSON for each of `VIEW_PARTS`, in their order, so that a part that
 * a handler does not look at is not parsed, and one that does not change is not made anew.
 */
export interface CallView {
  readonly client: {
    readonly ip: string
    readonly port: number
    readonly forwardedIp: string
    readonly consumer: Consumer | null
    readonly credential: Credential | null
  }
  readonly request: {
    readonly id: string
    readonly scheme: string
    readonly hostname: string
    readonly port: number
    /** As a trusted proxy tells it; null when none does. */
    readonly forwarded: ForwardedView | null
    /** What the route has taken off the path; empty for nothing. */
    readonly prefix: string
    readonly httpVersion: string
    readonly method: string
    readonly path: string
    readonly rawPath: string
    readonly rawQuery: string
    readonly startTimeMs: number
    /** Of a route with a regular expression as path. */
    readonly captures: UriCaptures | null
  }
  readonly requestHeaders: readonly string[]
  readonly route: Route | null
  readonly service: Service | null
  readonly target: Target | null
  /** The answer as it stands; null before there is one. */
  readonly response: {
    readonly status: number
    readonly headers: readonly string[]
    readonly source: 'service' | 'exit' | 'error'
  } | null
  /** What the upstream answered; null when nothing came from an upstream. */
  readonly serviceResponse: { readonly status: number; readonly headers: readonly string[] } | null
  /** What is known at the end; null before `log`. */
  readonly log: LogView | null
  /** The chunk of `bodyFilter`, base64. */
  readonly chunk: { readonly base64: string; readonly isLast: boolean } | null
  readonly ctx: {
    readonly shared: Readonly<Record<string, unknown>>
    readonly plugin: Readonly<Record<string, unknown>>
  }
}

/** What is looked at most comes first: a guest looks for the lines from there. */
export const VIEW_PARTS = [
  'requestHeaders',
  'response',
  'request',
  'ctx',
  'client',
  'route',
  'service',
  'target',
  'serviceResponse',
  'log',
  'chunk',
] as const satisfies readonly (keyof CallView)[]
export type ViewPart = (typeof VIEW_PARTS)[number]

/** The text of a view. JSON has no line breaks of its own. */
export function writeView(view: CallView): string {
  return VIEW_PARTS.map((part) => JSON.stringify(view[part])).join('\n')
}

/** The whole view out of its text. */
export function readView(text: string): CallView {
  const lines = text.split('\n')
  if (lines.length !== VIEW_PARTS.length) {
    throw new TypeError(
      `a view is ${VIEW_PARTS.length} lines of JSON, this one has ${lines.length}`,
    )
  }
  const parts = VIEW_PARTS.map((part, at) => [part, JSON.parse(lines[at]!) as unknown] as const)
  return Object.fromEntries(parts) as unknown as CallView
}

/** What a client used, as a trusted proxy in front of the gateway tells it. */
export interface ForwardedView {
  readonly scheme: string
  readonly hostname: string
  readonly port: number
  readonly path: string
  readonly prefix: string | null
}

/** Of a request that is over. Times are milliseconds, sizes bytes. */
export interface LogView {
  readonly requestBytes: number
  readonly responseBytes: number
  readonly upstreamUri: string | null
  /** `kong` is the gateway's own part, as Kong's logs call it. */
  readonly latencies: { readonly kong: number; readonly proxy: number; readonly request: number }
  readonly tries: readonly { readonly ip: string; readonly port: number; readonly state?: string }[]
  /** What plugins have told `log.setSerializeValue` so far. */
  readonly values: readonly SerializeValue[]
}

/**
 * What comes out: calls of `change` members in the order in which the handler made them, like
 * `['response.setHeader', 'x-a', '1']`; bytes as `{ base64 }`. `ctx.shared` and `ctx.plugin` are
 * there when the handler changed them. Applied all or nothing, after the kernel has checked it.
 */
export interface CallResult {
  readonly changes: readonly (readonly [member: string, ...args: unknown[]])[]
  readonly shared?: Readonly<Record<string, unknown>>
  readonly plugin?: Readonly<Record<string, unknown>>
}
