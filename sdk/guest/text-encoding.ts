/**
 * `TextEncoder` and `TextDecoder` of the Encoding Standard for UTF-8, and UTF-16LE for the decoder.
 * Another encoding is refused by name.
 */
export class GuestTextEncoder {
  get encoding(): string {
    return 'utf-8'
  }

  encode(input: string = ''): Uint8Array {
    const text = String(input)
    const bytes = new Uint8Array(text.length * 3)
    const { written } = this.encodeInto(text, bytes)
    return bytes.slice(0, written)
  }

  encodeInto(source: string, destination: Uint8Array): { read: number; written: number } {
    const text = String(source)
    let read = 0
    let written = 0
    while (read < text.length) {
      const unit = text.charCodeAt(read)
      const point = text.codePointAt(read)!
      const size = point < 0x80 ? 1 : point < 0x800 ? 2 : point < 0x10000 ? 3 : 4
      if (written + size > destination.length) break
      const isLone = size === 3 && unit >= 0xd800 && unit <= 0xdfff
      write(destination, written, isLone ? 0xfffd : point, size)
      written += size
      read += size === 4 ? 2 : 1
    }
    return { read, written }
  }
}

function write(bytes: Uint8Array, at: number, point: number, size: number): void {
  if (size === 1) {
    bytes[at] = point
    return
  }
  for (let i = size - 1; i > 0; i--) bytes[at + i] = 0x80 | ((point >> (6 * (size - 1 - i))) & 0x3f)
  const lead = size === 2 ? 0xc0 : size === 3 ? 0xe0 : 0xf0
  bytes[at] = lead | (point >> (6 * (size - 1)))
}

const LABELS: Readonly<Record<string, 'utf-8' | 'utf-16le'>> = {
  'unicode-1-1-utf-8': 'utf-8',
  utf8: 'utf-8',
  'utf-8': 'utf-8',
  'utf-16': 'utf-16le',
  'utf-16le': 'utf-16le',
}

interface DecoderOptions {
  readonly fatal?: boolean
  readonly ignoreBOM?: boolean
}

export class GuestTextDecoder {
  readonly encoding: 'utf-8' | 'utf-16le'
  readonly fatal: boolean
  readonly ignoreBOM: boolean
  /** Bytes of a character that is not whole yet. */
  #rest: number[] = []
  #started = false

  constructor(label: string = 'utf-8', options: DecoderOptions = {}) {
    const encoding = LABELS[String(label).trim().toLowerCase()]
    if (encoding === undefined) {
      throw new RangeError(
        `TextDecoder: the encoding "${String(label).slice(0, 40)}" is not served; utf-8 and utf-16le are`,
      )
    }
    this.encoding = encoding
    this.fatal = options.fatal === true
    this.ignoreBOM = options.ignoreBOM === true
  }

  decode(input?: ArrayBuffer | ArrayBufferView, options: { stream?: boolean } = {}): string {
    const bytes = toBytes(input)
    const stream = options.stream === true
    const units: number[] = []
    const rest = this.#rest
    this.#rest = []
    const all = rest.length === 0 ? bytes : Uint8Array.from([...rest, ...bytes])
    if (this.encoding === 'utf-8') this.#readUtf8(all, stream, units)
    else this.#readUtf16(all, stream, units)
    let from = 0
    if (!this.#started && units.length > 0) {
      if (!this.ignoreBOM && units[0] === 0xfeff) from = 1
      this.#started = true
    }
    if (!stream) this.#started = false
    return fromUnits(units, from)
  }

  #readUtf8(bytes: Uint8Array, stream: boolean, units: number[]): void {
    let at = 0
    while (at < bytes.length) {
      const head = bytes[at]!
      if (head < 0x80) {
        units.push(head)
        at++
        continue
      }
      const need = head >= 0xc2 && head <= 0xdf ? 1 : head >= 0xe0 && head <= 0xef ? 2 : 3
      if (head < 0xc2 || head > 0xf4) {
        this.#replace(units)
        at++
        continue
      }
      let point = head & (need === 1 ? 0x1f : need === 2 ? 0x0f : 0x07)
      let taken = 0
      while (taken < need && isContinuation(head, taken, bytes[at + 1 + taken])) {
        point = (point << 6) | (bytes[at + 1 + taken]! & 0x3f)
        taken++
      }
      if (taken === need) pushPoint(units, point)
      else if (stream && at + 1 + taken >= bytes.length) {
        this.#rest = Array.from(bytes.subarray(at))
        return
      } else this.#replace(units)
      at += 1 + taken
    }
  }

  #readUtf16(bytes: Uint8Array, stream: boolean, units: number[]): void {
    let at = 0
    for (; at + 1 < bytes.length; at += 2) {
      const unit = bytes[at]! | (bytes[at + 1]! << 8)
      if (!isSurrogate(unit)) {
        units.push(unit)
        continue
      }
      if (unit >= 0xdc00) {
        this.#replace(units)
        continue
      }
      if (at + 3 >= bytes.length) break
      const next = bytes[at + 2]! | (bytes[at + 3]! << 8)
      if (next >= 0xdc00 && next <= 0xdfff) {
        units.push(unit, next)
        at += 2
      } else this.#replace(units)
    }
    if (at >= bytes.length) return
    if (stream) this.#rest = Array.from(bytes.subarray(at))
    else this.#replace(units)
  }

  #replace(units: number[]): void {
    if (this.fatal) {
      this.#rest = []
      this.#started = false
      throw new TypeError(`TextDecoder: the bytes are not ${this.encoding}`)
    }
    units.push(0xfffd)
  }
}

/** Which second byte may follow a head: overlong forms, surrogates and points above U+10FFFF end here. */
function isContinuation(head: number, index: number, byte: number | undefined): boolean {
  if (byte === undefined || byte < 0x80 || byte > 0xbf) return false
  if (index > 0) return true
  if (head === 0xe0) return byte >= 0xa0
  if (head === 0xed) return byte <= 0x9f
  if (head === 0xf0) return byte >= 0x90
  return head === 0xf4 ? byte <= 0x8f : true
}

function isSurrogate(unit: number): boolean {
  return unit >= 0xd800 && unit <= 0xdfff
}

function pushPoint(units: number[], point: number): void {
  if (point < 0x10000) units.push(point)
  else units.push(0xd800 + ((point - 0x10000) >> 10), 0xdc00 + ((point - 0x10000) & 0x3ff))
}

const SLICE = 4_096

function fromUnits(units: number[], from: number): string {
  let text = ''
  for (let at = from; at < units.length; at += SLICE) {
    text += String.fromCharCode(...units.slice(at, at + SLICE))
  }
  return text
}

function toBytes(input: ArrayBuffer | ArrayBufferView | undefined): Uint8Array {
  if (input === undefined) return new Uint8Array()
  if (ArrayBuffer.isView(input)) {
    return new Uint8Array(input.buffer, input.byteOffset, input.byteLength)
  }
  return new Uint8Array(input)
}
