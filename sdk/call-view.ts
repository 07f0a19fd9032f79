import type { Consumer, Credential, Route, Service, Target } from './entities.ts'
import type { Phase } from './phase.ts'

/**
 * What crosses into a sandbox for one handler call: everything that the synchronous part of the PDK
 * answers from. JSON only; header lists are flat (`name, value, name, value`).
 */
export interface CallView {
  readonly phase: Phase
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
    readonly httpVersion: string
    readonly method: string
    readonly path: string
    readonly rawPath: string
    readonly rawQuery: string
    readonly startTimeMs: number
    readonly headers: readonly string[]
  }
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
  /** The chunk of `bodyFilter`, base64. */
  readonly chunk: { readonly base64: string; readonly isLast: boolean } | null
  readonly ctx: {
    readonly shared: Readonly<Record<string, unknown>>
    readonly plugin: Readonly<Record<string, unknown>>
  }
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
