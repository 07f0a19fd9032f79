import { isIP } from 'node:net'
import { getHeader } from '@sallyport/sdk'
import type { RouterRequest } from '../router/types.ts'
import { cutQuery, normalisePath } from '../router/uri.ts'

/** A request that somebody asks about, and who is taken to have sent it. */
export interface Question {
  readonly request: RouterRequest
  /** Id or username. */
  readonly consumer: string | null
  /** Names or ids; null: those of the consumer. */
  readonly consumerGroups: readonly string[] | null
  /** The plugin that finds out who it is; null: known from the start of `access`. */
  readonly authenticatedBy: string | null
}

/** What is wrong with a line, in one sentence. */
export class QuestionError extends Error {
  override readonly name = 'QuestionError'
}

const SCHEMES = ['http', 'https', 'grpc', 'grpcs', 'tcp', 'tls', 'tls_passthrough', 'udp']
const STREAMS = new Set(['tcp', 'tls', 'tls_passthrough', 'udp'])

export const isStream = (scheme: string) => STREAMS.has(scheme)
export const isTls = (scheme: string) =>
  ['https', 'grpcs', 'tls', 'tls_passthrough'].includes(scheme)

interface FieldRow {
  readonly wanted: string
  readonly isRight: (value: unknown) => boolean
}

const isText = (value: unknown) => typeof value === 'string' && value !== ''
const isPort = (value: unknown) =>
  Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 65_535
const isTexts = (value: unknown) =>
  Array.isArray(value) && value.every((each) => typeof each === 'string')
const text: FieldRow = { wanted: 'text', isRight: isText }
const address: FieldRow = {
  wanted: 'an IP address',
  isRight: (value) => typeof value === 'string' && isIP(value) !== 0,
}
const port: FieldRow = { wanted: 'a number from 0 to 65535', isRight: isPort }

/** What a line may say. Null is the same as leaving a field out. */
const FIELDS: Readonly<Record<string, FieldRow>> = {
  method: {
    wanted: 'a method, like "GET"',
    isRight: (value) => typeof value === 'string' && /^[!#$%&'*+.^_`|~\w-]+$/.test(value),
  },
  path: {
    wanted: 'a path that starts with "/"',
    isRight: (value) => typeof value === 'string' && value.startsWith('/'),
  },
  host: { wanted: 'text', isRight: (value) => typeof value === 'string' },
  scheme: {
    wanted: `one of ${SCHEMES.join(', ')}`,
    isRight: (value) => SCHEMES.includes(value as string),
  },
  headers: { wanted: 'an object of texts and lists of texts', isRight: isHeaders },
  sni: text,
  src_ip: address,
  src_port: port,
  dst_ip: address,
  dst_port: port,
  consumer: { wanted: 'the id or username of a consumer', isRight: isText },
  consumer_groups: { wanted: 'a list of names', isRight: isTexts },
  authenticated_by: { wanted: 'the name of a plugin', isRight: isText },
  raw: { wanted: 'true or false', isRight: (value) => typeof value === 'boolean' },
}

function isHeaders(value: unknown): boolean {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  return Object.values(value).every((each) => typeof each === 'string' || isTexts(each))
}

interface Line {
  method?: string
  path?: string
  host?: string
  scheme?: string
  headers?: Record<string, string | string[]>
  sni?: string
  src_ip?: string
  src_port?: number
  dst_ip?: string
  dst_port?: number
  consumer?: string
  consumer_groups?: string[]
  authenticated_by?: string
  raw?: boolean
}

/** Reads one line of JSON. Throws `QuestionError`. */
export function readQuestion(json: string): Question {
  const line = parseLine(json)
  const scheme = line.scheme ?? 'http'
  if (!isStream(scheme)) {
    for (const field of ['method', 'path'] as const) {
      if (line[field] === undefined) {
        throw new QuestionError(`${field}: is missing; expected ${FIELDS[field]!.wanted}`)
      }
    }
  }
  if (line.authenticated_by !== undefined && line.consumer === undefined) {
    throw new QuestionError('authenticated_by: needs a consumer that is authenticated')
  }
  const target = line.path ?? '/'
  const path = cutQuery(target)
  const headers = Object.entries(line.headers ?? {}).flatMap(([name, values]) =>
    [values].flat().flatMap((value) => [name, value]),
  )
  return {
    request: {
      method: line.method ?? '',
      path: line.raw === true ? normalisePath(path) : path,
      query: target.slice(path.length),
      host: line.host ?? getHeader(headers, 'host'),
      scheme,
      headers,
      sni: line.sni ?? null,
      srcIp: line.src_ip ?? null,
      srcPort: line.src_port ?? 0,
      dstIp: line.dst_ip ?? null,
      dstPort: line.dst_port ?? 0,
    },
    consumer: line.consumer ?? null,
    consumerGroups: line.consumer_groups ?? null,
    authenticatedBy: line.authenticated_by ?? null,
  }
}

function parseLine(json: string): Line {
  let value: unknown
  try {
    value = JSON.parse(json)
  } catch (error) {
    throw new QuestionError(`not JSON: ${(error as Error).message}`)
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new QuestionError(
      `expected an object like {"method":"GET","path":"/"}, got ${shown(value)}`,
    )
  }
  const line: Record<string, unknown> = {}
  for (const [name, field] of Object.entries(value)) {
    const row = Object.hasOwn(FIELDS, name) ? FIELDS[name]! : null
    if (row === null) {
      throw new QuestionError(
        `${shown(name)}: unknown field; known are ${Object.keys(FIELDS).join(', ')}`,
      )
    }
    if (field === null) continue
    if (!row.isRight(field)) {
      throw new QuestionError(`${name}: expected ${row.wanted}, got ${shown(field)}`)
    }
    line[name] = field
  }
  return line
}

export function shown(value: unknown): string {
  const json = JSON.stringify(value)
  return json.length <= 100 ? json : `${json.slice(0, 100)}..`
}
