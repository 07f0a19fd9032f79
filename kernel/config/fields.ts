import { PHASE_NAMES, Type, type Static, type TSchema } from '@sallyport/sdk'

/**
 * Building blocks of the entity schemas. What a field may hold is written once, as JSON Schema;
 * `wanted` is our annotation with the words that an error uses instead of the pattern.
 */

type Options = Record<string, unknown>

/** Kong's time-outs are signed 32-bit milliseconds; 0 would mean "never". */
const timeoutMsMax = 2 ** 31 - 2

const namePattern =
  '^[A-Za-z0-9._~\\u0080-\\uffff-]([A-Za-z0-9._~ \\u0080-\\uffff-]*[A-Za-z0-9._~\\u0080-\\uffff-])?$'
const nameWanted = 'a name of letters, digits, ".", "-", "_", "~" and spaces inside'
const uuidPattern = '^[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}$'
const hostnamePattern =
  '^[A-Za-z0-9_]([A-Za-z0-9_.-]*[A-Za-z0-9_.])?$|^\\[?[0-9A-Fa-f:.]*:[0-9A-Fa-f:.]*\\]?$'
const tagPattern = '^[^,/\\u0000-\\u001f\\u007f]+$'

export const objectOf = <Properties extends Record<string, TSchema>>(
  properties: Properties,
  options: Options = {},
) => Type.Object(properties, { additionalProperties: false, ...options })

/** The field may be missing: it is null then. One `type` keyword instead of a union keeps errors short. */
export function nullable<Schema extends TSchema>(schema: Schema) {
  const { type, enum: values, ...rest } = schema as unknown as { type: string; enum?: unknown[] }
  return Type.Unsafe<Static<Schema> | null>({
    ...rest,
    type: [type, 'null'],
    ...(values === undefined ? {} : { enum: [...values, null] }),
    default: null,
  })
}

export function enumOf<const Value extends string | number>(
  values: readonly Value[],
  options: Options = {},
) {
  const type = typeof values[0] === 'number' ? 'integer' : 'string'
  return Type.Unsafe<Value>({ type, enum: [...values], ...options })
}

export const uuid = () =>
  Type.String({ pattern: uuidPattern, wanted: 'a uuid like 5f0f8c1e-8f3b-4c5d-9a71-1f0c2d3e4f50' })
export const name = () =>
  Type.String({ minLength: 1, maxLength: 512, pattern: namePattern, wanted: nameWanted })
export const hostname = () =>
  Type.String({
    minLength: 1,
    maxLength: 255,
    pattern: hostnamePattern,
    wanted: 'a hostname or an IP address',
  })
/** No control characters: names and values of these fields end up in headers and log lines. */
export const text = (options: Options = {}) =>
  Type.String({
    minLength: 1,
    pattern: '^[^\\u0000-\\u001f\\u007f]*$',
    wanted: 'text without control characters',
    ...options,
  })
export const integer = (minimum: number, maximum: number, options: Options = {}) =>
  Type.Integer({ minimum, maximum, ...options })
export const timeoutMs = (options: Options = {}) => integer(1, timeoutMsMax, options)
export const flag = (value: boolean) => Type.Boolean({ default: value })
export const listOf = <Item extends TSchema>(items: Item, options: Options = {}) =>
  Type.Array(items, { ...options })
export const reference = () => objectOf({ id: uuid() })
const tags = () =>
  nullable(
    listOf(
      Type.String({
        minLength: 1,
        maxLength: 255,
        pattern: tagPattern,
        wanted: 'a tag without "," and "/"',
      }),
      { uniqueItems: true },
    ),
  )

/** What every entity has; `created_at` and `updated_at` are seconds since 1970. */
export const identity = () => ({
  id: uuid(),
  created_at: Type.Number({ minimum: 0 }),
  updated_at: Type.Number({ minimum: 0 }),
  tags: tags(),
})

const addressOf = objectOf({
  ip: nullable(Type.String({ minLength: 1 })),
  port: nullable(integer(0, 65_535)),
})
export const addresses = () => nullable(listOf(addressOf, { minItems: 1 }))

const phaseOrder = objectOf(
  Object.fromEntries(
    PHASE_NAMES.map((phase) => [phase, Type.Optional(listOf(text(), { uniqueItems: true }))]),
  ),
)
/** `{ before: { access: ['other-plugin'] }, after: { .. } }`: moves an instance in the order. */
export const ordering = () =>
  nullable(
    Type.Unsafe<Ordering>(
      objectOf({ before: Type.Optional(phaseOrder), after: Type.Optional(phaseOrder) }),
    ),
  )

/** By phase, the names of the plugins before (after) which an instance runs. */
export interface Ordering {
  before?: Partial<Record<(typeof PHASE_NAMES)[number], string[]>>
  after?: Partial<Record<(typeof PHASE_NAMES)[number], string[]>>
}
