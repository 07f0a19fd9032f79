import { readView } from '@sallyport/sdk'
import {
  type GatewayMessage,
  type HostMessage,
  MESSAGES,
  type MessageName,
  ProtocolError,
} from '@sallyport/sdk/protocol'

/** The payload fields of each message, from the table of messages. */
const PAYLOADS: ReadonlyMap<MessageName, readonly string[]> = new Map(
  Object.entries(MESSAGES).map(([name, { fields }]) => [
    name as MessageName,
    Object.entries(fields as Readonly<Record<string, string>>).flatMap(([field, kind]) =>
      kind === 'payload' || kind === 'view' ? [field] : [],
    ),
  ]),
)

/** A message whose payloads are JSON as one whose payloads are values. */
export function fromJsonPayloads(message: GatewayMessage): GatewayMessage {
  return withPayloads(message, (json, field) =>
    field === 'view' ? readView(json as string) : (JSON.parse(json as string) as unknown),
  )
}

/**
 * The other way. What JSON does not have (bytes, numbers that are none) is refused with a
 * `ProtocolError`: it would arrive as something else than what was sent.
 */
export function toJsonPayloads(message: HostMessage): HostMessage {
  return withPayloads(message, (value, field) => {
    if (!isJson(value)) {
      throw new ProtocolError(`${message.name}: ${field}: expected what JSON has, and no bytes`)
    }
    return JSON.stringify(value)
  })
}

function withPayloads<M extends GatewayMessage | HostMessage>(
  message: M,
  change: (payload: unknown, field: string) => unknown,
): M {
  const fields = PAYLOADS.get(message.name)!
  if (fields.length === 0) return message
  const changed: Record<string, unknown> = { ...message }
  for (const field of fields) changed[field] = change(changed[field], field)
  return changed as unknown as M
}

/** How deep it may be nested was checked with the frame. */
function isJson(value: unknown): boolean {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return true
    case 'number':
      return Number.isFinite(value)
    case 'object':
      if (value === null) return true
      if (Array.isArray(value)) return value.every(isJson)
      return !ArrayBuffer.isView(value) && Object.values(value).every(isJson)
    default:
      return false
  }
}
