import { ProtocolError } from './protocol.ts'

/**
 * Walks the bytes of one msgpack value before a decoder sees them, and refuses what we never send:
 * extensions (msgpackr would read records and dates from them), the unused byte 0xc1, nesting beyond
 * `depthMax`, map keys that are not strings, integers that a number cannot hold, lengths beyond the
 * frame. Nothing is allocated, so a length bomb costs nothing. The value at `at` lies so deep already;
 * returns where the next one begins.
 */
export function endOfValue(frame: Frame, at: number, depth: number): number {
  return walk(frame, at, depth)
}

interface Frame {
  readonly bytes: Uint8Array
  readonly end: number
  readonly depthMax: number
}

/** Checks the value at `at` and returns where the next one begins. */
function walk(frame: Frame, at: number, depth: number): number {
  const head = readUint(frame, at, 1)
  const next = at + 1
  if (head <= 0x7f || head >= 0xe0) return next
  if (head <= 0x8f) return walkMap(frame, next, head & 0x0f, depth)
  if (head <= 0x9f) return walkArray(frame, next, head & 0x0f, depth)
  if (head <= 0xbf) return skip(frame, next, head & 0x1f)
  return walkLong(frame, next, head, depth)
}

function walkLong(frame: Frame, at: number, head: number, depth: number): number {
  switch (head) {
    case 0xc0:
    case 0xc2:
    case 0xc3:
      return at
    case 0xc4:
    case 0xd9:
      return skip(frame, at + 1, readUint(frame, at, 1))
    case 0xc5:
    case 0xda:
      return skip(frame, at + 2, readUint(frame, at, 2))
    case 0xc6:
    case 0xdb:
      return skip(frame, at + 4, readUint(frame, at, 4))
    case 0xcc:
    case 0xd0:
      return skip(frame, at, 1)
    case 0xcd:
    case 0xd1:
      return skip(frame, at, 2)
    case 0xca:
    case 0xce:
    case 0xd2:
      return skip(frame, at, 4)
    case 0xcb:
      return skip(frame, at, 8)
    case 0xcf:
    case 0xd3:
      return skipInt64(frame, at, head === 0xd3)
    case 0xdc:
      return walkArray(frame, at + 2, readUint(frame, at, 2), depth)
    case 0xdd:
      return walkArray(frame, at + 4, readUint(frame, at, 4), depth)
    case 0xde:
      return walkMap(frame, at + 2, readUint(frame, at, 2), depth)
    case 0xdf:
      return walkMap(frame, at + 4, readUint(frame, at, 4), depth)
    default:
      throw new ProtocolError(`a frame holds 0x${head.toString(16)}: extensions are not allowed`)
  }
}

function walkArray(frame: Frame, start: number, count: number, depth: number): number {
  if (depth >= frame.depthMax) throw tooDeep(frame)
  let at = start
  for (let i = 0; i < count; i++) at = walk(frame, at, depth + 1)
  return at
}

function walkMap(frame: Frame, start: number, count: number, depth: number): number {
  if (depth >= frame.depthMax) throw tooDeep(frame)
  let at = start
  for (let i = 0; i < count; i++) {
    const head = readUint(frame, at, 1)
    const isString = (head >= 0xa0 && head <= 0xbf) || (head >= 0xd9 && head <= 0xdb)
    if (!isString) throw new ProtocolError('a frame holds a map with a key that is not a string')
    at = walk(frame, walk(frame, at, depth + 1), depth + 1)
  }
  return at
}

function skip(frame: Frame, at: number, count: number): number {
  if (at + count > frame.end) throw new ProtocolError('a frame ends within a value')
  return at + count
}

/** Beyond 2^53 a number is not the integer that was sent. */
function skipInt64(frame: Frame, at: number, signed: boolean): number {
  const high = readUint(frame, at, 4)
  const low = readUint(frame, at + 4, 4)
  const safe =
    high < 0x0020_0000 || (signed && (high > 0xffe0_0000 || (high === 0xffe0_0000 && low > 0)))
  if (!safe) throw new ProtocolError('a frame holds an integer beyond 2^53')
  return at + 8
}

function readUint(frame: Frame, at: number, size: 1 | 2 | 4): number {
  if (at + size > frame.end) throw new ProtocolError('a frame ends within a value')
  let value = 0
  for (let i = 0; i < size; i++) value = value * 256 + frame.bytes[at + i]!
  return value
}

function tooDeep(frame: Frame): ProtocolError {
  return new ProtocolError(`a frame is nested deeper than ${frame.depthMax}`)
}
