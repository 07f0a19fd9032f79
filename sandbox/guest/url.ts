import { type GuestPort, jsonParse, jsonStringify, toText } from '@sallyport/sdk/guest'
import { GuestURLSearchParams } from './url-search-params.ts'

/** The host tells the parts of a URL as a list in this order. */
const PART = {
  href: 0,
  origin: 1,
  protocol: 2,
  username: 3,
  password: 4,
  host: 5,
  hostname: 6,
  port: 7,
  pathname: 8,
  search: 9,
  hash: 10,
} as const

let native: GuestPort['native'] = () => ''

/** To be called before the class is given away. */
export function connectUrl(port: Pick<GuestPort, 'native'>): void {
  native = port.native
}

/**
 * `URL` of the URL Standard. Its host does the parsing, whose engine knows all of it, and tells the
 * parts.
 */
export class GuestURL {
  #parts: readonly string[]
  #params: GuestURLSearchParams | null = null

  constructor(url: unknown, base?: unknown) {
    const parts = parse(url, base)
    if (parts === null) throw invalid(url)
    this.#parts = parts
  }

  static canParse(url: unknown, base?: unknown): boolean {
    return parse(url, base) !== null
  }

  static parse(url: unknown, base?: unknown): GuestURL | null {
    return GuestURL.canParse(url, base) ? new GuestURL(url, base) : null
  }

  get searchParams(): GuestURLSearchParams {
    this.#params ??= new GuestURLSearchParams(this.search, (text) => this.#set('search', text))
    return this.#params
  }

  get href(): string {
    return this.#parts[PART.href]!
  }
  set href(value: unknown) {
    this.#change('href', value)
  }
  get origin(): string {
    return this.#parts[PART.origin]!
  }
  get protocol(): string {
    return this.#parts[PART.protocol]!
  }
  set protocol(value: unknown) {
    this.#change('protocol', value)
  }
  get username(): string {
    return this.#parts[PART.username]!
  }
  set username(value: unknown) {
    this.#change('username', value)
  }
  get password(): string {
    return this.#parts[PART.password]!
  }
  set password(value: unknown) {
    this.#change('password', value)
  }
  get host(): string {
    return this.#parts[PART.host]!
  }
  set host(value: unknown) {
    this.#change('host', value)
  }
  get hostname(): string {
    return this.#parts[PART.hostname]!
  }
  set hostname(value: unknown) {
    this.#change('hostname', value)
  }
  get port(): string {
    return this.#parts[PART.port]!
  }
  set port(value: unknown) {
    this.#change('port', value)
  }
  get pathname(): string {
    return this.#parts[PART.pathname]!
  }
  set pathname(value: unknown) {
    this.#change('pathname', value)
  }
  get search(): string {
    return this.#parts[PART.search]!
  }
  set search(value: unknown) {
    this.#change('search', value)
  }
  get hash(): string {
    return this.#parts[PART.hash]!
  }
  set hash(value: unknown) {
    this.#change('hash', value)
  }

  toString(): string {
    return this.href
  }

  toJSON(): string {
    return this.href
  }

  /** The parameters follow what is written to the URL itself. */
  #change(part: keyof typeof PART, value: unknown): void {
    this.#set(part, value)
    if (part === 'href' || part === 'search') this.#params?.read(this.search)
  }

  #set(part: keyof typeof PART, value: unknown): void {
    const args = jsonStringify([this.href, part, toText(value)])
    const parts = toParts(native('setUrl', args))
    if (parts !== null) this.#parts = parts
    else if (part === 'href') throw invalid(value)
  }
}

function parse(input: unknown, base: unknown): readonly string[] | null {
  const args = [toText(input), base === undefined ? null : toText(base)]
  return toParts(native('parseUrl', jsonStringify(args)))
}

function toParts(json: string): readonly string[] | null {
  return json === '' ? null : (jsonParse(json) as readonly string[])
}

function invalid(url: unknown): TypeError {
  return new TypeError(`Invalid URL: ${toText(url).slice(0, 200)}`)
}
