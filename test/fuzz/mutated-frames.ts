import fc from 'fast-check'
import { FrameEncoder } from '@sallyport/sdk/protocol'

/** One thing that goes wrong with a stream of frames; most runs have none or few. */
type Mutation =
  | { readonly kind: 'flip'; readonly frame: number; readonly at: number; readonly bits: number }
  | { readonly kind: 'cut'; readonly frame: number; readonly at: number }
  | { readonly kind: 'insert'; readonly frame: number; readonly bytes: Uint8Array }
  | { readonly kind: 'twice' | 'drop' | 'swap'; readonly frame: number }
  | { readonly kind: 'length'; readonly frame: number; readonly value: number }

const place = { frame: fc.nat(1_000), at: fc.nat(400) }
const MUTATION: fc.Arbitrary<Mutation> = fc.oneof(
  fc.record({
    kind: fc.constant('flip' as const),
    ...place,
    bits: fc.integer({ min: 1, max: 255 }),
  }),
  fc.record({ kind: fc.constant('cut' as const), ...place }),
  fc.record({
    kind: fc.constant('insert' as const),
    frame: place.frame,
    bytes: fc.uint8Array({ minLength: 1, maxLength: 12 }),
  }),
  fc.record({ kind: fc.constantFrom('twice', 'drop', 'swap' as const), frame: place.frame }),
  fc.record({
    kind: fc.constant('length' as const),
    frame: place.frame,
    value: fc.oneof(fc.nat(64), fc.constantFrom(0, 2 ** 31, 2 ** 32 - 1, 8 * 1024 * 1024)),
  }),
)

export interface Stream {
  readonly frames: readonly (readonly unknown[])[]
  readonly mutations: readonly Mutation[]
  /** Where the bytes are cut into pieces, as lengths. */
  readonly pieces: readonly number[]
}

export type Frames = Stream['frames']

/** These frames, mutated and cut anywhere. */
export function mutatedStreams(frames: fc.Arbitrary<Frames>): fc.Arbitrary<Stream> {
  return fc.record({
    frames,
    mutations: fc.array(MUTATION, { maxLength: 3 }),
    pieces: fc.array(fc.integer({ min: 1, max: 300 }), { maxLength: 8 }),
  })
}

export function toBytes(frames: readonly (readonly unknown[])[]): Buffer[] {
  return frames.map((frame) => {
    const encoder = new FrameEncoder()
    encoder.add(frame)
    return encoder.take()
  })
}

/** The bytes of a stream, in its pieces. */
export function toPieces({ frames, mutations, pieces }: Stream): Buffer[] {
  const parts = toBytes(frames)
  for (const mutation of mutations) mutate(parts, mutation)
  let rest = Buffer.concat(parts)
  const cut: Buffer[] = []
  for (const length of pieces) {
    cut.push(rest.subarray(0, length))
    rest = rest.subarray(length)
  }
  return [...cut, rest].filter((piece) => piece.length > 0)
}

function mutate(parts: Buffer[], mutation: Mutation): void {
  if (parts.length === 0) return
  const index = mutation.frame % parts.length
  const part = Buffer.from(parts[index]!)
  parts[index] = part
  switch (mutation.kind) {
    case 'flip':
      if (part.length > 0) part[mutation.at % part.length]! ^= mutation.bits
      break
    case 'cut':
      parts[index] = part.subarray(0, mutation.at % (part.length + 1))
      break
    case 'insert':
      parts[index] = Buffer.concat([part, mutation.bytes])
      break
    case 'twice':
      parts.splice(index, 0, part)
      break
    case 'drop':
      parts.splice(index, 1)
      break
    case 'swap': {
      const other = (index + 1) % parts.length
      parts[index] = parts[other]!
      parts[other] = part
      break
    }
    case 'length':
      if (part.length >= 4) part.writeUInt32LE(mutation.value, 0)
  }
}
