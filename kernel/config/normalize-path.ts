/** Characters with a meaning in a URI: encoded and bare they are different paths. */
const reserved = new Set([..."!#$%&'()*+,/:;=?@[]"].map((character) => character.charCodeAt(0)))

const encodedRun = /(?:%[0-9A-Fa-f]{2})+/g

/**
 * The form in which paths are compared: percent-encoding only where it makes a difference and in
 * upper case, no empty segments, no dot segments. What is not valid encoding stays as it is.
 */
export function normalizePath(path: string): string {
  return removeDotSegments(decodeUnreserved(path)).replace(/\/{2,}/g, '/')
}

function decodeUnreserved(path: string): string {
  return path.replace(encodedRun, (run) => {
    const bytes = Buffer.from(run.replaceAll('%', ''), 'hex')
    let decoded = ''
    let start = 0
    for (let index = 0; index <= bytes.length; index++) {
      const byte = bytes[index]
      if (byte !== undefined && !staysEncoded(byte)) continue
      decoded += decodeUtf8(bytes.subarray(start, index))
      if (byte !== undefined) decoded += encode(byte)
      start = index + 1
    }
    return decoded
  })
}

const staysEncoded = (byte: number) => byte < 0x20 || byte === 0x7f || reserved.has(byte)
const encode = (byte: number) => `%${byte.toString(16).toUpperCase().padStart(2, '0')}`

function decodeUtf8(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    return Array.from(bytes, (byte) =>
      byte < 0x80 ? String.fromCharCode(byte) : encode(byte),
    ).join('')
  }
}

/** RFC 3986, 5.2.4. */
function removeDotSegments(path: string): string {
  const absolute = path.startsWith('/')
  const input = (absolute ? path.slice(1) : path).split('/')
  const output: string[] = []
  input.forEach((segment, index) => {
    const last = index === input.length - 1
    if (segment === '..') output.pop()
    if (segment !== '.' && segment !== '..') output.push(segment)
    else if (last) output.push('')
  })
  return `${absolute ? '/' : ''}${output.join('/')}`
}
