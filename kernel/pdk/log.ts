import {
  SERIALIZE_MODES,
  type SerializedRequest,
  type SerializeMode,
  toSerializedRequest,
} from '@sallyport/sdk'
import { buildCallView, serializeValuesOf } from '../call-view.ts'
import type { PluginCall } from '../plugin-call.ts'
import { PLUGIN_LEVELS, type PluginLevel } from '../telemetry/plugin-levels.ts'
import { badArgument, checkString } from '@sallyport/sdk/guest'

/** What logs say of one request is bounded, whoever says it. */
const SERIALIZE_VALUES_MAX = 100
const SERIALIZE_VALUE_LENGTH_MAX = 16 * 1024
const SERIALIZE_KEY = /^[^.]{1,100}(?:\.[^.]{1,100}){0,9}$/

export const logPdk = {
  'log.debug': logger('debug'),
  'log.info': logger('info'),
  'log.notice': logger('notice'),
  'log.warn': logger('warn'),
  'log.err': logger('err'),
  'log.crit': logger('crit'),
  'log.alert': logger('alert'),
  'log.emerg': logger('emerg'),

  'log.serialize': (call: PluginCall): SerializedRequest =>
    toSerializedRequest(buildCallView(call), serializeValuesOf(call)),

  'log.setSerializeValue': (
    call: PluginCall,
    key: string,
    value: unknown,
    options?: { mode?: SerializeMode },
  ): void => {
    const member = 'log.setSerializeValue'
    if (!SERIALIZE_KEY.test(checkString(member, 'a key with dots', key))) {
      throw badArgument(member, 'up to ten names of up to 100 characters, with dots between', key)
    }
    const mode: unknown = options?.mode ?? 'set'
    if (!SERIALIZE_MODES.includes(mode as SerializeMode)) {
      throw badArgument(member, `mode ${SERIALIZE_MODES.join(', ')}`, mode)
    }
    const json = JSON.stringify(value) as string | undefined
    if (json !== undefined && json.length > SERIALIZE_VALUE_LENGTH_MAX) {
      throw badArgument(member, `a value of up to ${SERIALIZE_VALUE_LENGTH_MAX} characters`, json)
    }
    const values = (call.ctx.serializeValues ??= [])
    if (values.length >= SERIALIZE_VALUES_MAX) {
      throw badArgument(member, `up to ${SERIALIZE_VALUES_MAX} values a request`, key)
    }
    // Taken as it is now: what happens to the object afterwards changes nothing.
    const taken: unknown = json === undefined ? undefined : JSON.parse(json)
    values.push({ key, value: taken, mode: mode as SerializeMode, tenant: call.step.tenant })
  },
}

function logger(level: PluginLevel) {
  const pinoLevel = PLUGIN_LEVELS[level]
  return (call: PluginCall, ...parts: unknown[]): void => {
    const { log } = call.environment
    if (!log.isLevelEnabled(pinoLevel)) return
    const line = parts.map(toText).join('').slice(0, call.limits.logLineLengthMax)
    log[pinoLevel](
      {
        plugin: call.step.pluginName,
        tenant: call.step.tenant,
        phase: call.phase,
        request_id: call.ctx.id,
      },
      line,
    )
  }
}

function toText(part: unknown): string {
  if (typeof part === 'string') return part
  if (part instanceof Error) return part.message
  try {
    return JSON.stringify(part) ?? String(part)
  } catch {
    return String(part)
  }
}
