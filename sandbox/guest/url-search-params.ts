import { GuestTextDecoder, GuestTextEncoder, toText } from '@sallyport/sdk/guest'

type Pair = [name: string, value: string]

const encoder = new GuestTextEncoder()
const decoder = new GuestTextDecoder()
const HEX = '0123456789ABCDEF'

/** `URLSearchParams` of the URL Standard. `onChange` is told the new text when it belongs to a URL. */
export class GuestURLSearchParams {
  #pairs: Pair[]
  readonly #onChange: ((text: string) => void) | null

  constructor(init: unknown = '', onChange: ((text: string) => void) | null = null) {
    this.#pairs = toPairs(init)
    this.#onChange = typeof onChange === 'function' ? onChange : null
  }

  get size(): number {
    return this.#pairs.length
  }

  /** Takes what a URL says now. */
  read(search: string): void {
    this.#pairs = parse(search)
  }

  append(name: unknown, value: unknown): void {
    this.#pairs.push([toText(name), toText(value)])
    this.#changed()
  }

  delete(name: unknown, value?: unknown): void {
    this.#pairs = this.#pairs.filter((pair) => !matches(pair, name, value))
    this.#changed()
  }

  get(name: unknown): string | null {
    return this.#pairs.find((pair) => matches(pair, name, undefined))?.[1] ?? null
  }

  getAll(name: unknown): string[] {
    return this.#pairs.filter((pair) => matches(pair, name, undefined)).map(([, value]) => value)
  }

  has(name: unknown, value?: unknown): boolean {
    return this.#pairs.some((pair) => matches(pair, name, value))
  }

  set(name: unknown, value: unknown): void {
    const first = this.#pairs.find((pair) => matches(pair, name, undefined))
    if (first === undefined) this.#pairs.push([toText(name), toText(value)])
    else {
      first[1] = toText(value)
      this.#pairs = this.#pairs.filter((pair) => pair === first || !matches(pair, name, undefined))
    }
    this.#changed()
  }

  sort(): void {
    this.#pairs = this.#pairs.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))
    this.#changed()
  }

  forEach(callback: (value: string, name: string, params: this) => void, self?: unknown): void {
    for (const [name, value] of this.#pairs) callback.call(self, value, name, this)
  }

  *entries(): Generator<Pair> {
    for (const [name, value] of this.#pairs) yield [name, value]
  }

  *keys(): Generator<string> {
    for (const [name] of this.#pairs) yield name
  }

  *values(): Generator<string> {
    for (const [, value] of this.#pairs) yield value
  }

  [Symbol.iterator](): Generator<Pair> {
    return this.entries()
  }

  toString(): string {
    return this.#pairs.map(([name, value]) => `${encode(name)}=${encode(value)}`).join('&')
  }

  #changed(): void {
    this.#onChange?.(this.toString())
  }
}

function matches([name, value]: Pair, wanted: unknown, wantedValue: unknown): boolean {
  if (name !== toText(wanted)) return false
  return wantedValue === undefined || value === toText(wantedValue)
}

function toPairs(init: unknown): Pair[] {
  if (typeof init !== 'object' || init === null) return parse(toText(init))
  if (Symbol.iterator in init) {
    return Array.from(init as Iterable<unknown>, (pair) => {
      const parts = Array.from(pair as Iterable<unknown>, toText)
      if (parts.length === 2) return parts as Pair
      throw new TypeError('URLSearchParams: expected pairs of a name and a value')
    })
  }
  return Object.entries(init).map(([name, value]) => [name, toText(value)])
}

function parse(text: string): Pair[] {
  const query = text.startsWith('?') ? text.slice(1) : text
  return query
    .split('&')
    .filter((pair) => pair !== '')
    .map((pair) => {
      const equals = pair.indexOf('=')
      if (equals === -1) return [decode(pair), '']
      return [decode(pair.slice(0, equals)), decode(pair.slice(equals + 1))]
    })
}

/** Percent-encoding of a form: what is no UTF-8 becomes U+FFFD. */
function decode(text: string): string {
  const spaced = text.replaceAll('+', ' ')
  if (!spaced.includes('%')) return spaced
  const from = encoder.encode(spaced)
  const bytes = new Uint8Array(from.length)
  let length = 0
  for (let at = 0; at < from.length; at++) {
    const value = from[at] === 0x25 ? hexPair(from[at + 1], from[at + 2]) : -1
    bytes[length++] = value === -1 ? from[at]! : value
    if (value !== -1) at += 2
  }
  return decoder.decode(bytes.subarray(0, length))
}

function hexPair(high: number | undefined, low: number | undefined): number {
  const [a, b] = [hexDigit(high), hexDigit(low)]
  return a === -1 || b === -1 ? -1 : a * 16 + b
}

function hexDigit(code: number | undefined): number {
  if (code === undefined) return -1
  return HEX.indexOf(String.fromCharCode(code).toUpperCase())
}

function encode(text: string): string {
  if (/^[A-Za-z0-9*\-._]*$/.test(text)) return text
  let encoded = ''
  for (const byte of encoder.encode(text)) {
    const character = String.fromCharCode(byte)
    if (byte === 0x20) encoded += '+'
    else if (/[A-Za-z0-9*\-._]/.test(character)) encoded += character
    else encoded += `%${HEX[byte >> 4]!}${HEX[byte & 15]!}`
  }
  return encoded
}
