import { PdkError } from '@sallyport/sdk'
import {
  defineProperty,
  fromBase64,
  fromLatin1,
  type GuestPort,
  GuestTextDecoder,
  GuestTextEncoder,
  type HandlerCall,
  toBase64,
  toLatin1,
  toLogText,
  toText,
} from '@sallyport/sdk/guest'
import { structuredClone } from './structured-clone.ts'
import { connectUrl, GuestURL } from './url.ts'
import { GuestURLSearchParams } from './url-search-params.ts'

/** What the globals need of the library. */
export interface GlobalsPort {
  /** The call whose turn it is, or null while the module is being loaded. */
  currentCall(): HandlerCall | null
  /** A line that belongs to no call. */
  log(level: string, text: string): void
  random(count: number): string
  native: GuestPort['native']
  /** Ignores an id that is no timer of this plugin. */
  clearTimer(id: number): void
}

const RANDOM_BYTES_MAX = 65_536
const TIMER_MS_MAX = 0x7fff_ffff

/** Gives a plugin what it has beside the language. The same names in every tier. */
export function defineGlobals(port: GlobalsPort): void {
  named(GuestTextEncoder, 'TextEncoder')
  named(GuestTextDecoder, 'TextDecoder')
  define('TextEncoder', GuestTextEncoder)
  define('TextDecoder', GuestTextDecoder)
  named(GuestURLSearchParams, 'URLSearchParams')
  define('URLSearchParams', GuestURLSearchParams)
  connectUrl(port)
  named(GuestURL, 'URL')
  define('URL', GuestURL)
  define('structuredClone', structuredClone)
  define('atob', atob)
  define('btoa', btoa)
  define('crypto', makeCrypto(port))
  define('console', makeConsole(port))
  defineTimers(port)
}

function atob(data: unknown): string {
  const bytes = fromBase64(toText(data))
  if (bytes === null) throw invalidCharacter('atob: the text is not base64')
  return toLatin1(bytes)
}

function btoa(data: unknown): string {
  const bytes = fromLatin1(toText(data))
  if (bytes === null) throw invalidCharacter('btoa: the text has a character above U+00FF')
  return toBase64(bytes)
}

function invalidCharacter(message: string): Error {
  const error = new Error(message)
  defineProperty(error, 'name', { value: 'InvalidCharacterError' })
  return error
}

function makeCrypto(port: GlobalsPort): object {
  const getRandomValues = (array: unknown): unknown => {
    const isIntegers =
      ArrayBuffer.isView(array) &&
      !(array instanceof DataView) &&
      !(array instanceof Float32Array) &&
      !(array instanceof Float64Array)
    if (!isIntegers) {
      throw new TypeError('crypto.getRandomValues: expected a typed array of integers')
    }
    if (array.byteLength > RANDOM_BYTES_MAX) {
      throw new RangeError(
        `crypto.getRandomValues: expected up to ${RANDOM_BYTES_MAX} bytes, got ${array.byteLength}`,
      )
    }
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength)
    bytes.set(fromLatin1(port.random(bytes.length))!)
    return array
  }
  const randomUUID = (): string => {
    const bytes = fromLatin1(port.random(16))!
    bytes[6] = (bytes[6]! & 0x0f) | 0x40
    bytes[8] = (bytes[8]! & 0x3f) | 0x80
    let hex = ''
    for (const byte of bytes) hex += (byte + 0x100).toString(16).slice(1)
    return hex.replace(/^(.{8})(.{4})(.{4})(.{4})/, '$1-$2-$3-$4-')
  }
  return Object.freeze({ getRandomValues, randomUUID })
}

function makeConsole(port: GlobalsPort): object {
  const to =
    (level: string) =>
    (...parts: unknown[]): void => {
      const spaced = parts.flatMap((part, index) => (index === 0 ? [part] : [' ', part]))
      const line = toLogText(spaced)
      const call = port.currentCall()
      if (call === null || call.over) port.log(level, line)
      else call.log(level, line)
    }
  return {
    debug: to('debug'),
    log: to('info'),
    info: to('info'),
    warn: to('warn'),
    error: to('err'),
    trace: to('debug'),
  }
}

/** Timers belong to the call that started them and end with it. */
function defineTimers(port: GlobalsPort): void {
  define('setTimeout', (callback: unknown, delay?: unknown, ...args: unknown[]): number => {
    if (typeof callback !== 'function') throw new TypeError('setTimeout: expected a function')
    const call = port.currentCall()
    if (call === null) {
      throw new PdkError('HANDLER_OVER', 'setTimeout can be called within a handler only')
    }
    const ms = Math.min(Math.max(Math.trunc(Number(delay)) || 0, 0), TIMER_MS_MAX)
    return call.startTimer(ms, () => {
      callback(...args)
    })
  })
  define('clearTimeout', (id: unknown): void => port.clearTimer(id as number))
}

function define(name: string, value: unknown): void {
  defineProperty(globalThis, name, { value, writable: true, configurable: true })
}

function named(value: object, name: string): void {
  defineProperty(value, 'name', { value: name })
}
