import { HostFailure, isAllowedIn, isPdkMember, PDK_MEMBERS, PdkError } from '@sallyport/sdk'
import { TIMER_EFFECT } from '@sallyport/sdk/protocol'
import type { HostCall } from '../kernel/plugin-host.ts'
import type { SandboxLimits } from './limits.ts'
import { parsePayload } from './payload.ts'

/** What an effect gave, as it crosses back. */
export interface EffectAnswer {
  readonly ok: boolean
  /** JSON. */
  readonly value: string
}

/**
 * Executes what a sandbox asked for on behalf of a call (null outside of a request). Resolves with
 * what crosses back. Throws `HostFailure` of kind `refused` at once when the guest library could not
 * have asked for it: then the sandbox is not what it should be.
 */
export function runEffect(options: {
  call: HostCall | null
  member: string
  argsJson: string
  leftMs: number
  limits: SandboxLimits
}): Promise<EffectAnswer> {
  const { call, member, argsJson, leftMs, limits } = options
  if (argsJson.length > limits.resultBytesMax) {
    throw new HostFailure('refused', `${argsJson.length} characters of arguments`)
  }
  const args = parsePayload(argsJson, limits.depthMax)
  if (!Array.isArray(args)) throw new HostFailure('refused', `${member}: no list of arguments`)
  if (member === TIMER_EFFECT) return sleep(args[0], leftMs)
  const isRight =
    call !== null &&
    isPdkMember(member) &&
    PDK_MEMBERS[member].kind === 'effect' &&
    isAllowedIn(member, call.phase)
  if (!isRight) throw new HostFailure('refused', `${member.slice(0, 100)} is no effect here`)
  return call.effect(member, args as unknown[]).then(
    (value) => toAnswer(member, value, limits.effectBytesMax),
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

/** Bytes cross in base64. */
function toCrossing(value: unknown): unknown {
  if (!(value instanceof Uint8Array)) return value
  const { buffer, byteOffset, byteLength } = value
  return { base64: Buffer.from(buffer, byteOffset, byteLength).toString('base64') }
}

function toFailure(error: unknown): EffectAnswer {
  const code = error instanceof PdkError ? error.code : 'NOT_FOUND'
  const message = error instanceof Error ? error.message : String(error)
  return { ok: false, value: JSON.stringify({ code, message }) }
}
