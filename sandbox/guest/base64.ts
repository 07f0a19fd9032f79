import { uncurry } from './primordials.ts'

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/'
const VALUES = new Int16Array(128).fill(-1)
for (let i = 0; i < ALPHABET.length; i++) VALUES[ALPHABET.charCodeAt(i)] = i

const SLICE = 4_096

/** The engine's own, where it has them: without a JIT a body of 1 MB takes 60 ms in the loops below. */
const native = {
  from: (Uint8Array as { fromBase64?: (text: string) => Uint8Array }).fromBase64,
  to: (Uint8Array.prototype as { toBase64?: (this: Uint8Array) => string }).toBase64,
}
const nativeFrom = native.from
const nativeTo = native.to === undefined ? null : uncurry(native.to)

/** Standard base64 with padding. */
export function toBase64(bytes: Uint8Array): string {
  if (nativeTo !== null) return nativeTo(bytes)
  let text = ''
  for (let at = 0; at < bytes.length; at += 3) {
    const group = (bytes[at]! << 16) | ((bytes[at + 1] ?? 0) << 8) | (bytes[at + 2] ?? 0)
    text += ALPHABET[group >> 18]! + ALPHABET[(group >> 12) & 63]!
    text += at + 1 < bytes.length ? ALPHABET[(group >> 6) & 63]! : '='
    text += at + 2 < bytes.length ? ALPHABET[group & 63]! : '='
  }
  return text
}

/**
 * The bytes of a base64 text as `atob` reads it: white space is skipped, padding may be missing.
 * Null when it is not base64.
 */
export function fromBase64(text: string): Uint8Array | null {
  if (nativeFrom !== undefined) {
    try {
      return nativeFrom(text)
    } catch {
      return null
    }
  }
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
