import type { EffectKind } from '../effects/effect-meters.ts'
import type { PluginCall } from '../plugin-call.ts'

type EffectMember = (call: PluginCall, ...args: never[]) => Promise<unknown>

/**
 * The members, each counted for the plugin and tenant of its call. Handlers of this process and those
 * of a sandbox meet here, so nothing passes by uncounted, and nothing is counted twice.
 */
export function metered<Members extends Readonly<Record<string, EffectMember>>>(
  kind: EffectKind,
  members: Members,
): Members {
  const counted = Object.entries(members).map(([member, run]): [string, EffectMember] => [
    member,
    (call, ...args) =>
      call.environment.effects.meters.of(call.permissions).measure(kind, () => run(call, ...args)),
  ])
  return Object.fromEntries(counted) as unknown as Members
}
