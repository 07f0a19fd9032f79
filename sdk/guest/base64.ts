const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const VALUES = new Int16Array(128).fill(-1)
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i

const SLICE = 4_096
const PADDING = 0x3d

/** The language's own, from V8 14 on, taken before a plugin could replace it; undefined before. */
const { fromBase64: decodeFast } = Uint8Array as { fromBase64?: (text: string) => Uint8Array }
const { toBase64: encodeFast } = Uint8Array.prototype as { toBase64?: () => string }
const { apply } = Reflect

/** Bytes that are encoded together; a multiple of three. */
const GROUP = 3_072

/** Standard base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  return encodeFast === undefined ? encodeSlowly(bytes) : apply(encodeFast, bytes, [])
}

/** As `toBase64`, where the language has no such thing. */
export function encodeSlowly(bytes: Uint8Array): string {
  let text = ''
  // In long pieces: a string that grew by a character at a time would take many times its own memory.
  for (let at = 0; at < bytes.length; at += GROUP)
    text += encodeGroup(bytes.subarray(at, at + GROUP))
  return text
}

function encodeGroup(bytes: Uint8Array): string {
  const codes = new Uint8Array(Math.ceil(bytes.length / 3) * 4)
  let to = 0
  for (let at = 0; at < bytes.length; at += 3) {
    const group = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
    codes[to++] = ALPHABET.charCodeAt(group >> 18)
    codes[to++] = ALPHABET.charCodeAt((group >> 12) & 63)
    codes[to++] = at + 1 < bytes.length ? ALPHABET.charCodeAt((group >> 6) & 63) : PADDING
    codes[to++] = at + 2 < bytes.length ? ALPHABET.charCodeAt(group & 63) : PADDING
  }
  return String.fromCharCode(...codes)
}

/**
 * The bytes of a base64 text as `atob` reads it: white space is skipped, padding may be missing.
 * Null when it is not base64.
 */
export function fromBase64(text: string): Uint8Array | null {
  if (decodeFast !== undefined) {
    try {
      return apply(decodeFast, Uint8Array, [text])
    } catch {
      // What it refuses `atob` may still take.
    }
  }
  return decodeSlowly(text)
}

/** As `fromBase64`, where the language has no such thing. */
export function decodeSlowly(text: string): Uint8Array | null {
  let digits = text.replace(/[\t\n\f\r ]+/g, '')
  if (digits.length % 4 === 0) digits = digits.replace(/={1,2}$/, '')
  if (digits.length % 4 === 1) return null
  const bytes = new Uint8Array(Math.floor((digits.length * 3) / 4))
  let bits = 0
  let held = 0
  let at = 0
  for (let i = 0; i < digits.length; i++) {
    const code = digits.charCodeAt(i)
    const value = code < 128 ? VALUES[code]! : -1
    if (value === -1) return null
    held = ((held << 6) | value) & 0xffff
    bits += 6
    if (bits < 8) continue
    bits -= 8
    bytes[at++] = (held >> bits) & 0xff
  }
  return bytes
}

export function toLatin1(bytes: Uint8Array): string {
  let text = ''
  for (let at = 0; at < bytes.length; at += SLICE) {
    text += String.fromCharCode(...bytes.subarray(at, at + SLICE))
  }
  return text
}

/** Null when a character is above U+00FF. */
export function fromLatin1(text: string): Uint8Array | null {
  const bytes = new Uint8Array(text.length)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0xff) return null
    bytes[i] = code
  }
  return bytes
}
