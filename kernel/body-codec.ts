import { randomBytes } from 'node:crypto'
import { Busboy } from '@fastify/busboy'
import { encodeQuery, parseQuery, PdkError, type QueryArg } from '@sallyport/sdk'

const FORM = 'application/x-www-form-urlencoded'
const MULTIPART = 'multipart/form-data'
const JSON_TYPE = 'application/json'
/** A part's headers and a field's name: what is longer is no form that people fill in. */
const FIELD_NAME_BYTES_MAX = 1_024

/** The type of a `Content-Type` without its parameters, in lower case. */
function toMimeType(contentType: string | null): string | null {
  return contentType === null ? null : contentType.split(';', 1)[0]!.trim().toLowerCase()
}

/**
 * The value of a body: JSON as it is, forms and the text fields of multipart as an object. Rejects
 * with `UNKNOWN_TYPE` or `BAD_BODY`.
 */
export async function parseBody(
  member: string,
  body: Uint8Array,
  contentType: string | null,
  argsMax: number,
): Promise<unknown> {
  const type = toMimeType(contentType)
  if (type === FORM) return parseQuery(toText(body), argsMax)
  if (type === MULTIPART)
    return parseMultipart(member, body, { contentType: contentType!, argsMax })
  if (type === JSON_TYPE || type?.endsWith('+json') === true) {
    try {
      return JSON.parse(toText(body)) as unknown
    } catch (error) {
      throw new PdkError('BAD_BODY', `${member}: no JSON: ${(error as Error).message}`)
    }
  }
  throw new PdkError(
    'UNKNOWN_TYPE',
    `${member}: ${type === null ? 'a body without a type' : `"${type.slice(0, 100)}"`} is not parsed; ${JSON_TYPE}, ${FORM} and ${MULTIPART} are`,
  )
}

/** A body of this type and the `Content-Type` that says so. Throws as `parseBody` rejects. */
export function encodeBody(
  member: string,
  args: Readonly<Record<string, unknown>>,
  type: string,
): { body: Uint8Array; contentType: string } {
  switch (toMimeType(type)) {
    case JSON_TYPE:
      return { body: Buffer.from(JSON.stringify(args)), contentType: type }
    case FORM:
      return { body: Buffer.from(encodeQuery(toFormArgs(member, args))), contentType: type }
    case MULTIPART:
      return encodeMultipart(toFormArgs(member, args))
    default:
      throw new PdkError(
        'UNKNOWN_TYPE',
        `${member}: "${type.slice(0, 100)}" is not written; ${JSON_TYPE}, ${FORM} and ${MULTIPART} are`,
      )
  }
}

function parseMultipart(
  member: string,
  body: Uint8Array,
  { contentType, argsMax }: { contentType: string; argsMax: number },
): Promise<Record<string, string | string[]>> {
  const { promise, resolve, reject } = Promise.withResolvers<Record<string, string | string[]>>()
  const fields = Object.create(null) as Record<string, string | string[]>
  const fail = (error: unknown) =>
    reject(new PdkError('BAD_BODY', `${member}: no multipart: ${(error as Error).message}`))
  try {
    const limits = { fieldNameSize: FIELD_NAME_BYTES_MAX, fields: argsMax, parts: argsMax }
    const parser = new Busboy({
      headers: { 'content-type': contentType },
      limits: { ...limits, fieldSize: Math.max(1, body.byteLength) },
      // A file is a part that has a name: its text counts as that of a field, as in Kong.
      isPartAFile: () => false,
    })
    parser.on('field', (name: string, value: string) => {
      const before = fields[name]
      if (before === undefined) fields[name] = value
      else if (typeof before === 'string') fields[name] = [before, value]
      else before.push(value)
    })
    parser.on('error', fail)
    parser.on('finish', () => resolve(fields))
    parser.end(body)
  } catch (error) {
    fail(error)
  }
  return promise
}

function encodeMultipart(args: Readonly<Record<string, QueryArg>>): {
  body: Uint8Array
  contentType: string
} {
  const boundary = `sallyport-${randomBytes(16).toString('hex')}`
  let text = ''
  for (const name of Object.keys(args).toSorted()) {
    const value = args[name]!
    for (const one of Array.isArray(value) ? value : [value]) {
      text += `--${boundary}\r\nContent-Disposition: form-data; name="${escapeName(name)}"\r\n\r\n${String(one)}\r\n`
    }
  }
  const body = Buffer.from(`${text}--${boundary}--\r\n`)
  return { body, contentType: `${MULTIPART}; boundary=${boundary}` }
}

/** As browsers do. */
function escapeName(name: string): string {
  return name.replace(/["\r\n]/g, (character) => encodeURIComponent(character))
}

function toFormArgs(
  member: string,
  args: Readonly<Record<string, unknown>>,
): Readonly<Record<string, QueryArg>> {
  for (const [name, value] of Object.entries(args)) {
    if ((Array.isArray(value) ? value : [value]).every(isFormValue)) continue
    throw new PdkError(
      'BAD_ARGUMENT',
      `${member}: expected strings, numbers, booleans and lists of them, got something else for "${name.slice(0, 100)}"`,
    )
  }
  return args as Readonly<Record<string, QueryArg>>
}

function isFormValue(value: unknown): boolean {
  return typeof value === 'string' || typeof value === 'number' || typeof value === 'boolean'
}

function toText(body: Uint8Array): string {
  return Buffer.from(body.buffer, body.byteOffset, body.byteLength).toString('utf8')
}
