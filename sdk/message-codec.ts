import { FRAME_LIMITS, type FrameEncoder, unpack } from './codec.ts'
import { endOfValue } from './msgpack-check.ts'
import {
  FAILED_KINDS,
  type FailedKind,
  type FieldKind,
  type GatewayMessage,
  type HostMessage,
  type Message,
  type MessagePlan,
  PAYLOAD_ENCODINGS,
  type PayloadEncoding,
  PLAN_BY_NAME,
  PLAN_BY_TYPE,
  ProtocolError,
  type Sender,
} from './protocol.ts'

const UINT_MAX = 0xffff_ffff
/** A payload of msgpack lies in the array of its message, and a result is an object of a list of lists. */
const ENVELOPE_NESTING = 4
/** Array, type and id: five bytes each at most. */
const HEAD_BYTES = 15
const STRING_HEAD_BYTES = 5
/** So many UTF-16 units are up to 31 bytes of UTF-8, which a single byte of length can say. */
const SHORT_STRING = 10
/** Above it the length is counted before the bytes are reserved, which are up to three a unit. */
const COUNTED_STRING = 4_096

interface MessagesOf {
  readonly gateway: GatewayMessage
  readonly host: HostMessage
}

/** Reads the messages of one side straight from their bytes, field by field as the table says. */
export class MessageReader<From extends Sender> {
  readonly #from: From
  /** Of payloads; a host says in `welcome` which one it has picked. */
  encoding: PayloadEncoding = 'json'
  #bytes: Buffer = Buffer.alloc(0)
  #at = 0
  #end = 0

  constructor(from: From) {
    this.#from = from
  }

  /** The message between `start` and `end`. Throws a `ProtocolError` that names message and field. */
  readonly read = (bytes: Buffer, start: number, end: number): MessagesOf[From] => {
    const plan = textPlanAt(bytes, start, end)
    if (plan !== null && plan.from === this.#from) {
      const id = uint32At(bytes, start + ID_AT)
      const text = bytes.toString('utf8', start + TEXT_AT, end)
      return { name: plan.name, id, text } as unknown as MessagesOf[From]
    }
    return this.#readAny(bytes, start, end)
  }

  #readAny(bytes: Buffer, start: number, end: number): MessagesOf[From] {
    this.#bytes = bytes
    this.#at = start
    this.#end = end
    const count = this.#readArrayHead() - 2
    const type = count < -1 ? undefined : this.#readUint()
    const plan = PLAN_BY_TYPE.get(type)
    if (plan === undefined || plan.from !== this.#from) {
      throw new ProtocolError(`a ${this.#from} cannot send a message of type ${quote(type)}`)
    }
    const id = count < 0 ? undefined : this.#readUint()
    if (typeof id !== 'number') {
      throw new ProtocolError(`${plan.name}: id: expected a uint32, got ${quote(id)}`)
    }
    if (count !== plan.fields.length) {
      throw new ProtocolError(`${plan.name}: expected ${plan.fields.length} fields, got ${count}`)
    }
    const message: Record<string, unknown> = { name: plan.name, id }
    // By index: a child interprets this, and an iterator takes it longer than a field.
    const { fields } = plan
    for (let i = 0; i < fields.length; i++) {
      const field = fields[i]!
      message[field[0]] = this.#readField(plan, field[0], field[1])
    }
    if (this.#at !== end) {
      throw new ProtocolError(`a frame has ${end - this.#at} bytes after its value`)
    }
    return message as unknown as MessagesOf[From]
  }

  #readField(plan: MessagePlan, name: string, kind: FieldKind): unknown {
    const at = this.#at
    const value = this.#readKind(kind)
    if (value === undefined) {
      this.#at = at
      const got = quote(this.#readValue())
      throw new ProtocolError(`${plan.name}: ${name}: expected ${kind}, got ${got}`)
    }
    // What the other side has picked is true from here on.
    if (name === 'encoding' && plan.name === 'welcome') {
      this.encoding = PAYLOAD_ENCODINGS.find((encoding) => encoding === value) ?? 'json'
    }
    return value
  }

  /** The value, or undefined when it is of another kind. */
  #readKind(kind: FieldKind): unknown {
    switch (kind) {
      case 'payload':
      case 'view':
        return this.encoding === 'json' ? this.#readString() : this.#readValue()
      case 'string':
        return this.#readString()
      case 'uint': {
        const value = this.#readUint()
        return typeof value === 'number' ? value : undefined
      }
      case 'boolean':
      case 'strings': {
        const value = this.#readValue()
        if (kind === 'boolean') return typeof value === 'boolean' ? value : undefined
        const isList = Array.isArray(value) && value.every((item) => typeof item === 'string')
        return isList ? value : undefined
      }
      case 'failedKind': {
        const value = this.#readString()
        return FAILED_KINDS.includes(value as FailedKind) ? value : undefined
      }
    }
  }

  #readArrayHead(): number {
    const head = this.#bytes[this.#at]!
    if (head >= 0x90 && head <= 0x9f) {
      this.#at++
      return head & 0x0f
    }
    const size = head === 0xdc ? 2 : head === 0xdd ? 4 : 0
    if (size === 0) {
      this.#readValue()
      throw new ProtocolError('a frame holds an array, got something else')
    }
    const start = this.#at + 1
    if (start + size > this.#end) throw new ProtocolError('a frame ends within a value')
    this.#at = start + size
    return this.#bytes.readUIntBE(start, size)
  }

  /** A uint32; whatever else is there is given as it is, for a message about it. */
  #readUint(): unknown {
    const bytes = this.#bytes
    const at = this.#at
    const head = at < this.#end ? bytes[at]! : 0xc1
    if (head <= 0x7f) {
      this.#at = at + 1
      return head
    }
    if (head === 0xce && at + 5 <= this.#end) {
      this.#at = at + 5
      return uint32At(bytes, at + 1)
    }
    const value = this.#readValue()
    const isUint =
      typeof value === 'number' && Number.isInteger(value) && value >= 0 && value <= UINT_MAX
    return isUint || typeof value !== 'number' ? value : String(value)
  }

  #readString(): string | undefined {
    const bytes = this.#bytes
    const at = this.#at
    const head = at < this.#end ? bytes[at]! : 0xc1
    let length: number
    let start: number
    if (head >= 0xa0 && head <= 0xbf) {
      length = head & 0x1f
      start = at + 1
    } else if (head >= 0xd9 && head <= 0xdb) {
      const size = 1 << (head - 0xd9)
      start = at + 1 + size
      if (start > this.#end) throw new ProtocolError('a frame ends within a value')
      length = bytes.readUIntBE(at + 1, size)
    } else {
      this.#readValue()
      return undefined
    }
    if (start + length > this.#end) throw new ProtocolError('a frame ends within a value')
    this.#at = start + length
    return bytes.toString(undefined, start, this.#at)
  }

  /** Whatever value comes next. */
  #readValue(): unknown {
    const depthMax = FRAME_LIMITS.depthMax + (this.encoding === 'json' ? 0 : ENVELOPE_NESTING)
    const start = this.#at
    this.#at = endOfValue({ bytes: this.#bytes, end: this.#end, depthMax }, start, 1)
    return unpack(this.#bytes.subarray(start, this.#at))
  }
}

/*
 * The messages that nearly all frames are, whose one field is their `text`: [type, id, text] with four bytes of
 * id and of length, as they are written here. A child interprets this: to go through the table of fields
 * would take it as long as the handler.
 */
const TEXT_HEAD = 0x93
const ID_AT = 3
const TEXT_AT = 12

/** The plan of such a message between `start` and `end`; null when it is another, or written otherwise. */
function textPlanAt(bytes: Buffer, start: number, end: number): MessagePlan | null {
  if (bytes[start] !== TEXT_HEAD || end - start < TEXT_AT) return null
  if (bytes[start + 2] !== 0xce || bytes[start + 7] !== 0xdb) return null
  if (uint32At(bytes, start + 8) !== end - start - TEXT_AT) return null
  return TEXT_PLANS[bytes[start + 1]!] ?? null
}

const TEXT_PLANS: readonly (MessagePlan | undefined)[] = Array.from({ length: 256 }, (_, type) => {
  const plan = PLAN_BY_TYPE.get(type)
  const [field, ...others] = plan?.fields ?? []
  return field?.[0] === 'text' && field[1] === 'string' && others.length === 0 ? plan : undefined
})

function uint32At(bytes: Buffer, at: number): number {
  return (
    ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0
  )
}

function addText(encoder: FrameEncoder, type: number, id: number, text: string): void {
  encoder.addWritten(TEXT_AT + bytesAtMost(text), (slab, at) => {
    const length = slab.write(text, at + TEXT_AT)
    slab[at] = TEXT_HEAD
    slab[at + 1] = type
    putUint32(slab, at + 2, 0xce, id)
    putUint32(slab, at + 7, 0xdb, length)
    return at + TEXT_AT + length
  })
}

/** A byte that says what comes, and the number. */
function putUint32(slab: Buffer, at: number, head: number, value: number): void {
  slab[at] = head
  slab[at + 1] = value >>> 24
  slab[at + 2] = (value >>> 16) & 0xff
  slab[at + 3] = (value >>> 8) & 0xff
  slab[at + 4] = value & 0xff
}

/** Adds the frame of a message. Throws a `ProtocolError` when it is too large; nothing is added then. */
export function addMessage(
  encoder: FrameEncoder,
  message: Message,
  encoding: PayloadEncoding = 'json',
): void {
  const plan = PLAN_BY_NAME[message.name]
  if ('text' in message && TEXT_PLANS[plan.type] === plan) {
    addText(encoder, plan.type, message.id, message.text)
    return
  }
  const values = message as unknown as Readonly<Record<string, unknown>>
  if (encoding === 'msgpack' || message.name === 'hello') {
    encoder.add([plan.type, message.id, ...plan.fields.map(([name]) => values[name])])
    return
  }
  encoder.addWritten(sizeOf(plan, values), (slab, start) => {
    let at = start
    slab[at++] = 0x90 | (plan.fields.length + 2)
    slab[at++] = plan.type
    at = writeUint(slab, at, message.id)
    const { fields } = plan
    for (let i = 0; i < fields.length; i++) at = writeField(slab, at, values[fields[i]![0]])
    return at
  })
}

function sizeOf({ fields }: MessagePlan, values: Readonly<Record<string, unknown>>): number {
  let size = HEAD_BYTES
  for (let i = 0; i < fields.length; i++) {
    const value = values[fields[i]![0]]
    size += STRING_HEAD_BYTES
    if (typeof value === 'string') size += bytesAtMost(value)
  }
  return size
}

function bytesAtMost(text: string): number {
  return text.length > COUNTED_STRING ? Buffer.byteLength(text) : text.length * 3
}

/** Strings, numbers and booleans are all there is: lists (`hello`) go through msgpack. */
function writeField(slab: Buffer, at: number, value: unknown): number {
  if (typeof value === 'string') return writeString(slab, at, value)
  if (typeof value === 'number') return writeUint(slab, at, value)
  slab[at] = value === true ? 0xc3 : 0xc2
  return at + 1
}

function writeUint(slab: Buffer, at: number, value: number): number {
  if (value <= 0x7f) {
    slab[at] = value
    return at + 1
  }
  putUint32(slab, at, 0xce, value)
  return at + 5
}

function writeString(slab: Buffer, at: number, text: string): number {
  if (text.length <= SHORT_STRING) {
    const length = slab.write(text, at + 1)
    slab[at] = 0xa0 | length
    return at + 1 + length
  }
  const length = slab.write(text, at + STRING_HEAD_BYTES)
  putUint32(slab, at, 0xdb, length)
  return at + STRING_HEAD_BYTES + length
}

function quote(value: unknown): string {
  if (typeof value === 'string') return JSON.stringify(value.slice(0, 40))
  return typeof value === 'number' || typeof value === 'boolean' ? String(value) : typeof value
}
