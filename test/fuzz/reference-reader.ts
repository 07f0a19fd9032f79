import {
  FAILED_KINDS,
  type FailedKind,
  type FieldKind,
  FRAME_LIMITS,
  type GatewayMessage,
  type HostMessage,
  type Message,
  type PayloadEncoding,
  PLAN_BY_TYPE,
  ProtocolError,
  type ReadFrame,
  type Sender,
} from '@sallyport/sdk/protocol'
import { valueReader } from '../support/value-reader.ts'

const ID_MAX = 0xffff_ffff
const ENVELOPE_NESTING = 4

interface MessagesOf {
  readonly gateway: GatewayMessage
  readonly host: HostMessage
}

/** What `MessageReader` does in one step, in two and without a thought for speed: the oracle of the fuzz. */
export function referenceReader<From extends Sender>(
  from: From,
  encoding: PayloadEncoding = 'json',
): ReadFrame<MessagesOf[From]> {
  const nesting = encoding === 'json' ? 0 : ENVELOPE_NESTING
  const read = valueReader({ ...FRAME_LIMITS, depthMax: FRAME_LIMITS.depthMax + nesting })
  return (bytes, start, end) =>
    fromEnvelope(read(bytes, start, end), from, encoding) as MessagesOf[From]
}

/** The message in the value of a frame, decoded in a first step by a library. */
function fromEnvelope(envelope: unknown, from: Sender, encoding: PayloadEncoding): Message {
  if (!Array.isArray(envelope))
    throw new ProtocolError('a frame holds an array, got something else')
  const [type, id] = envelope as unknown[]
  const plan = PLAN_BY_TYPE.get(type)
  if (plan === undefined || plan.from !== from) {
    throw new ProtocolError(`a ${from} cannot send a message of type ${quote(type)}`)
  }
  if (!isUint(id)) throw new ProtocolError(`${plan.name}: id: expected a uint32, got ${quote(id)}`)
  if (envelope.length !== plan.fields.length + 2) {
    throw new ProtocolError(
      `${plan.name}: expected ${plan.fields.length} fields, got ${envelope.length - 2}`,
    )
  }
  const message: Record<string, unknown> = { name: plan.name, id }
  for (let i = 0; i < plan.fields.length; i++) {
    const [name, kind] = plan.fields[i]!
    const value = (envelope as unknown[])[i + 2]
    if (!isOfKind(value, kind, encoding)) {
      throw new ProtocolError(`${plan.name}: ${name}: expected ${kind}, got ${quote(value)}`)
    }
    message[name] = value
  }
  return message as unknown as Message
}

function isOfKind(value: unknown, kind: FieldKind, encoding: PayloadEncoding): boolean {
  switch (kind) {
    case 'uint':
      return isUint(value)
    case 'string':
      return typeof value === 'string'
    case 'boolean':
      return typeof value === 'boolean'
    case 'strings':
      return Array.isArray(value) && value.every((item) => typeof item === 'string')
    case 'failedKind':
      return FAILED_KINDS.includes(value as FailedKind)
    case 'payload':
    case 'view':
      return encoding === 'msgpack' || typeof value === 'string'
  }
}

function isUint(value: unknown): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= ID_MAX
}

function quote(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40))
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : typeof value
}
