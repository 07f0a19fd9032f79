import { type CallView, PDK_MEMBERS, type PdkMember } from '../index.ts'
import { fromBase64 } from './base64.ts'
import type { Before } from './call-text.ts'
import type { HandlerCall } from './handler-call.ts'
import { PDK_IMPLEMENTATION } from './pdk-implementation.ts'

type Writable<T> = { -readonly [Key in keyof T]: T[Key] }
type Make = (call: HandlerCall, ...args: unknown[]) => unknown

/** Makes in the view of a call what the handlers before it have changed. */
export function followResults(call: HandlerCall, { results, plugin }: Before): void {
  call.isFollowing = true
  const ctx = call.view.ctx as Writable<CallView['ctx']>
  ctx.plugin = plugin
  for (let i = 0; i < results.length; i++) {
    const { changes, shared } = results[i]!
    if (shared !== undefined) ctx.shared = shared
    for (let j = 0; j < changes.length; j++) {
      const change = changes[j]!
      const member = change[0] as PdkMember
      // Nothing that a plugin can patch looks at what is not told.
      if (PDK_MEMBERS[member].told !== true) continue
      const args: unknown[] = []
      for (let k = 1; k < change.length; k++) args[k - 1] = toArgument(change[k])
      const make = PDK_IMPLEMENTATION[member] as Make
      make(call, ...args)
    }
  }
  call.isFollowing = false
}

/** Bytes cross as `{ base64 }`. */
function toArgument(arg: unknown): unknown {
  if (typeof arg !== 'object' || arg === null) return arg
  const { base64 } = arg as { base64?: unknown }
  return typeof base64 === 'string' ? fromBase64(base64) : arg
}
