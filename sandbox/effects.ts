import {
  HostFailure,
  isAllowedIn,
  isPdkMember,
  PDK_ERRORS,
  PDK_MEMBERS,
  PdkError,
} from '@sallyport/sdk'
import { TIMER_EFFECT } from '@sallyport/sdk/protocol'
import type { HostCall } from '../kernel/plugin-host.ts'
import type { SandboxLimits } from './limits.ts'
import { parsePayload } from './payload.ts'

const INTERNAL = new PdkError('INTERNAL', PDK_ERRORS.INTERNAL)

/** What an effect gave, as it crosses back. */
export interface EffectAnswer {
  readonly ok: boolean
  /** JSON. */
  readonly value: string
}

export interface EffectOptions {
  readonly call: HostCall | null
  readonly member: string
  readonly argsJson: string
  readonly leftMs: number
  readonly limits: SandboxLimits
  /** When what crosses is made of a value that is there; default at once. */
  readonly cross?: (make: () => EffectAnswer) => Promise<EffectAnswer>
}

/**
 * Executes what a sandbox asked for on behalf of a call (null outside of a request). Resolves with
 * what crosses back. Throws `HostFailure` of kind `refused` at once when the guest library could not
 * have asked for it: then the sandbox is not what it should be.
 */
export function runEffect(options: EffectOptions): Promise<EffectAnswer> {
  const { call, member, argsJson, leftMs, limits, cross } = options
  if (argsJson.length > limits.resultBytesMax) {
    throw new HostFailure('refused', `${argsJson.length} characters of arguments`)
  }
  const args = parsePayload(argsJson, limits.depthMax, limits.payloadValuesMax)
  if (!Array.isArray(args)) throw new HostFailure('refused', `${member}: no list of arguments`)
  if (member === TIMER_EFFECT) return sleep(args[0], leftMs)
  const isRight =
    call !== null &&
    isPdkMember(member) &&
    PDK_MEMBERS[member].kind === 'effect' &&
    isAllowedIn(member, call.phase)
  if (!isRight) throw new HostFailure('refused', `${member.slice(0, 100)} is no effect here`)
  return call.effect(member, args as unknown[]).then(
    (value) => {
      const make = () => toAnswer(member, value, limits.effectBytesMax)
      return cross === undefined ? make() : cross(make)
    },
    (error: unknown) => toFailure(error),
  )
}

/**
 * A timer that would end after the deadline of its call never does. It keeps no process alive: who
 * waits for the call has a timer of its own.
 */
function sleep(ms: unknown, leftMs: number): Promise<EffectAnswer> {
  if (typeof ms !== 'number' || !(ms >= 0)) {
    throw new HostFailure('refused', 'a timer without milliseconds')
  }
  return new Promise((resolve) => {
    if (ms > leftMs) return
    setTimeout(() => resolve({ ok: true, value: 'null' }), ms).unref()
  })
}

function toAnswer(member: string, value: unknown, bytesMax: number): EffectAnswer {
  const json = (JSON.stringify(toCrossing(value)) as string | undefined) ?? 'null'
  if (json.length <= bytesMax) return { ok: true, value: json }
  return toFailure(new PdkError('LIMIT', `${member}: the answer is ${json.length} characters long`))
}

/** Bytes cross in base64, also those that are a field of the value, such as the body of an answer. */
function toCrossing(value: unknown): unknown {
  if (value instanceof Uint8Array) return toBase64(value)
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return value
  const fields = Object.entries(value)
  if (!fields.some(([, field]) => field instanceof Uint8Array)) return value
  return Object.fromEntries(
    fields.map(([name, field]) => [name, field instanceof Uint8Array ? toBase64(field) : field]),
  )
}

function toBase64({ buffer, byteOffset, byteLength }: Uint8Array): { base64: string } {
  return { base64: Buffer.from(buffer, byteOffset, byteLength).toString('base64') }
}

function toFailure(error: unknown): EffectAnswer {
  // Anything else is a fault of the kernel, whose text is not for a plugin.
  const { code, message } = error instanceof PdkError ? error : INTERNAL
  return { ok: false, value: JSON.stringify({ code, message }) }
}
