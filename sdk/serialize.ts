import type { CallView } from './call-view.ts'
import { toHeaderObject } from './header-list.ts'
import type { SerializedRequest, SerializeMode } from './pdk.ts'

/** A change of what `log.serialize` says. Without a value it removes. */
export interface SerializeValue {
  readonly key: string
  readonly value?: unknown
  readonly mode: SerializeMode
}

export const SERIALIZE_MODES: readonly SerializeMode[] = ['set', 'add', 'replace']
const HEADERS_MAX = 1_000
const REDACTED = ['authorization', 'proxy-authorization']

/** What `log.serialize` says of a request that is over, and of what plugins have said of it. */
export function toSerializedRequest(
  view: CallView,
  values: readonly SerializeValue[],
): SerializedRequest {
  const { client, request, response, log } = view
  const query = request.rawQuery === '' ? '' : `?${request.rawQuery}`
  const uri = request.rawPath + query
  const serialized: Record<string, unknown> = {
    request: {
      id: request.id,
      method: request.method,
      uri,
      url: `${request.scheme}://${request.hostname}:${request.port}${uri}`,
      querystring: request.rawQuery,
      headers: redacted(view.requestHeaders),
      size: log?.requestBytes ?? 0,
    },
    response: {
      status: response?.status ?? null,
      headers: toHeaderObject(response?.headers ?? [], HEADERS_MAX),
      size: log?.responseBytes ?? 0,
    },
    upstream_uri: log?.upstreamUri ?? null,
    upstream_status: view.serviceResponse?.status ?? null,
    latencies: log?.latencies ?? {},
    tries: log?.tries ?? [],
    route: view.route,
    service: view.service,
    consumer: client.consumer,
    authenticated_entity: client.credential,
    client_ip: client.forwardedIp,
    started_at: request.startTimeMs,
    source: response?.source ?? null,
  }
  for (const value of values) applyValue(serialized, value)
  return serialized as unknown as SerializedRequest
}

function redacted(headers: readonly string[]): Record<string, string | string[]> {
  const object = toHeaderObject(headers, HEADERS_MAX)
  for (const name of REDACTED) if (object[name] !== undefined) object[name] = 'REDACTED'
  return object
}

function applyValue(root: Record<string, unknown>, { key, value, mode }: SerializeValue): void {
  const path = key.split('.')
  const last = path.pop()!
  let object = root
  for (const part of path) {
    if (!isSafe(part)) return
    const inner = object[part]
    if (typeof inner === 'object' && inner !== null && !Array.isArray(inner)) {
      object = inner as Record<string, unknown>
      continue
    }
    if (mode === 'replace') return
    object = object[part] = Object.create(null) as Record<string, unknown>
  }
  if (!isSafe(last)) return
  const has = object[last] !== undefined
  if ((mode === 'add' && has) || (mode === 'replace' && !has)) return
  if (value === undefined) delete object[last]
  else object[last] = value
}

/** A key that would reach into every object is no key. */
function isSafe(part: string): boolean {
  return part !== '__proto__' && part !== 'constructor' && part !== 'prototype'
}
