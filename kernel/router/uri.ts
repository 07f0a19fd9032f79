/**
 * The forms of a request path: as received, normalised (what routes are matched on), escaped (what
 * goes upstream).
 */

export interface NormaliseOptions {
  /** Whether `//` counts as `/`. Default true. */
  readonly mergeSlashes?: boolean
}

const percent = 0x25
const dot = 0x2e
const slash = 0x2f

// Decoding one of these would change what the path means: they stay percent-encoded.
const reserved = flagsOf("!#$%&'()*+,/:;=?@[]")
// What may stand in the request line as it is.
const unescaped = flagsOf(
  "!#$%&'()*+,/:;=?@[]-_.~ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789",
)
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/**
 * Normalises a path as received, without its query: percent-encoding is undone where that does
 * not change the meaning (UTF-8 included), reserved characters keep theirs in upper case, dot
 * segments are resolved and slashes merged. Characters from 80 to FF are taken as the bytes they
 * were on the wire; bytes that are no UTF-8 become or stay percent-encoded. A path that is already
 * normal is returned as it is.
 */
export function normalisePath(path: string, options?: NormaliseOptions): string {
  const mergeSlashes = options?.mergeSlashes !== false
  if (isNormal(path)) return path
  const decoded = decodePath(path)
  if (!decoded.includes('.') && !(mergeSlashes && decoded.includes('//'))) return decoded
  return resolveSegments(decoded, mergeSlashes)
}

/** Percent-encodes whatever may not stand in a request line; everything else is kept. */
export function escapePath(path: string): string {
  for (let at = 0; at < path.length; at++) {
    if (unescaped[path.charCodeAt(at)] !== 1) return escapeFrom(path, at)
  }
  return path
}

/** Takes away the query of a request target. */
export function cutQuery(target: string): string {
  const at = target.indexOf('?', 1)
  return at === -1 ? target : target.slice(0, at)
}

/** Removes the dot segment that stripping a prefix has brought to the front. */
export function sanitisePostfix(postfix: string): string {
  if (postfix.charCodeAt(0) !== dot) return postfix
  if (postfix === '.' || postfix === '..') return ''
  if (postfix.startsWith('./')) return postfix.slice(2)
  if (postfix.startsWith('../')) return postfix.slice(3)
  return postfix
}

function isNormal(path: string): boolean {
  let previous = slash
  if (path.charCodeAt(0) !== slash) return false
  for (let at = 1; at < path.length; at++) {
    const code = path.charCodeAt(at)
    if (code === percent || code >= 0x80) return false
    if (previous === slash && (code === slash || code === dot)) return false
    previous = code
  }
  return true
}

function decodePath(path: string): string {
  let decoded = ''
  let at = 0
  while (at < path.length) {
    const code = path.charCodeAt(at)
    const byte = byteAt(path, at)
    if (byte >= 0x80) {
      const bytes: number[] = []
      for (let next = byte; next >= 0x80; next = byteAt(path, at)) {
        bytes.push(next)
        at += path.charCodeAt(at) === percent ? 3 : 1
      }
      decoded += decodeBytes(bytes)
    } else if (byte === -1 || code !== percent) {
      decoded += path[at]
      at++
    } else {
      decoded +=
        reserved[byte] === 1 || completesEscape(decoded, byte) ? upper(path, at) : chr(byte)
      at += 3
    }
  }
  return decoded
}

/** The byte that begins at an index, percent-encoded or plain; -1 when there is none. */
function byteAt(path: string, at: number): number {
  const code = path.charCodeAt(at)
  if (code !== percent) return code <= 0xff ? code : -1
  const high = hexValue(path.charCodeAt(at + 1))
  const low = hexValue(path.charCodeAt(at + 2))
  return high === -1 || low === -1 ? -1 : high * 16 + low
}

// After a stray `%` a decoded hex digit would become part of an escape that the upstream decodes
// once more: `%2%65` must not turn into `%2e`.
function completesEscape(decoded: string, byte: number): boolean {
  if (hexValue(byte) === -1) return false
  const last = decoded.length - 1
  if (decoded.charCodeAt(last) === percent) return true
  return decoded.charCodeAt(last - 1) === percent && hexValue(decoded.charCodeAt(last)) !== -1
}

function decodeBytes(bytes: readonly number[]): string {
  let decoded = ''
  let at = 0
  while (at < bytes.length) {
    const first = bytes[at] ?? 0
    const length = first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
    const text = tryDecode(bytes.slice(at, at + length))
    decoded += text ?? percentEncode(first)
    at += text === null ? 1 : length
  }
  return decoded
}

function tryDecode(bytes: readonly number[]): string | null {
  try {
    return utf8.decode(Uint8Array.from(bytes))
  } catch {
    return null
  }
}

function resolveSegments(path: string, mergeSlashes: boolean): string {
  const isAbsolute = path.charCodeAt(0) === slash
  const segments = (isAbsolute ? path.slice(1) : path).split('/')
  const kept: string[] = []
  for (const [index, segment] of segments.entries()) {
    const isLast = index === segments.length - 1
    if (segment === '.' || segment === '..') {
      if (segment === '..') kept.pop()
      // The slash before a dot segment stays.
      if (isLast) kept.push('')
    } else if (segment !== '' || isLast || !mergeSlashes) kept.push(segment)
  }
  return (isAbsolute ? '/' : '') + kept.join('/')
}

function escapeFrom(path: string, start: number): string {
  let escaped = path.slice(0, start)
  for (const char of path.slice(start)) {
    if (unescaped[char.charCodeAt(0)] === 1) escaped += char
    else for (const byte of Buffer.from(char, 'utf8')) escaped += percentEncode(byte)
  }
  return escaped
}

function percentEncode(byte: number): string {
  return `%${byte.toString(16).toUpperCase().padStart(2, '0')}`
}

function upper(path: string, at: number): string {
  return path.slice(at, at + 3).toUpperCase()
}

function chr(code: number): string {
  return String.fromCharCode(code)
}

function hexValue(code: number): number {
  if (code >= 0x30 && code <= 0x39) return code - 0x30
  const letter = code | 0x20
  return letter >= 0x61 && letter <= 0x66 ? letter - 0x57 : -1
}

function flagsOf(chars: string): Uint8Array {
  const flags = new Uint8Array(128)
  for (const char of chars) flags[char.charCodeAt(0)] = 1
  return flags
}
