import {
  SERIALIZE_MODES,
  type SerializeMode,
  type SerializeValue,
  type SpanValue,
  startSpan,
  toSerializedRequest,
} from '../../index.ts'
import { badArgument, checkRecord, checkString } from '../arguments.ts'
import type { HandlerCall } from '../handler-call.ts'
import { toLogText } from '../log-text.ts'
import { jsonParse, jsonStringify } from '../primordials.ts'
import { effect, type Member } from './member.ts'

/** Route, target, logs, node, plugin, spans. */
export const contextMembers = {
  'router.getRoute': ({ view }) => view.route,
  'router.getService': ({ view }) => view.service,
  'balancer.getTarget': ({ view }) => view.target,
  'log.debug': logger('debug'),
  'log.info': logger('info'),
  'log.notice': logger('notice'),
  'log.warn': logger('warn'),
  'log.err': logger('err'),
  'log.crit': logger('crit'),
  'log.alert': logger('alert'),
  'log.emerg': logger('emerg'),
  'log.serialize': ({ view }) => toSerializedRequest(view, view.log?.values ?? []),
  'log.setSerializeValue': (call, key: unknown, value: unknown, options?: { mode?: unknown }) => {
    const member = 'log.setSerializeValue'
    const checked = checkString(member, 'a key with dots', key)
    const json = jsonStringify(value) as string | undefined
    const taken: unknown = json === undefined ? undefined : jsonParse(json)
    const mode = (options?.mode ?? 'set') as SerializeMode
    if (!SERIALIZE_MODES.includes(mode)) {
      throw badArgument(member, `mode ${SERIALIZE_MODES.join(', ')}`, mode)
    }
    call.change(true, member, checked, taken, { mode })
    const values = call.view.log?.values as SerializeValue[] | undefined
    values?.push({ key: checked, value: taken, mode })
  },
  'ip.isTrusted': (call, address: unknown) =>
    call.realm.port.native('isTrusted', checkString('ip.isTrusted', 'an address', address)) ===
    'true',
  'node.getId': (call) => call.realm.options.node.id,
  'node.getHostname': (call) => call.realm.options.node.hostname,
  'node.getMemoryStats': effect('node.getMemoryStats'),
  'plugin.getId': (call) => call.pluginId,
  'tracing.startSpan': (call, name: unknown, attributes?: Readonly<Record<string, SpanValue>>) => {
    const checked = checkString('tracing.startSpan', 'a name', name)
    return startSpan(checked, attributes, (span) => call.change(true, 'tracing.addSpan', span))
  },
  'tracing.addSpan': (call, span: unknown) => {
    const record = checkRecord('tracing.addSpan', 'a span', span)
    call.change(true, 'tracing.addSpan', jsonParse(jsonStringify(record)))
  },
} satisfies Record<string, Member>

function logger(level: string) {
  return (call: HandlerCall, ...parts: unknown[]): void => call.log(level, toLogText(parts))
}
