/**
 * What a plugin asks for beyond the request: `permissions` of its default export, or of the field
 * `sallyport` in its package.json. It may do what it asks for and the operator has granted.
 */
export interface PluginPermissions {
  /** Hosts for `http.fetch`: `api.example.com`, `*.example.com`, `example.com:8443`, `*`. */
  readonly http?: readonly string[]
  readonly cache?: boolean
  readonly store?: boolean
  /** References for `vault.get` and its configuration, or their beginnings: `{vault://env/STRIPE_`. */
  readonly vault?: readonly string[]
}

const LISTS: ReadonlySet<string> = new Set(['http', 'vault'])
const FLAGS: ReadonlySet<string> = new Set(['cache', 'store'])
const ENTRIES_MAX = 100
const ENTRY_LENGTH_MAX = 300

/**
 * Reads permissions as they are written. `subject` begins the message. Throws a `TypeError` that names
 * the field and says what is wanted.
 */
export function toPermissions(value: unknown, subject: string): PluginPermissions {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) {
    throw new TypeError(`${subject}: expected an object like { http: ["api.example.com"] }`)
  }
  const permissions: Record<string, unknown> = {}
  for (const [name, wanted] of Object.entries(value)) {
    if (LISTS.has(name)) permissions[name] = toList(wanted, `${subject}.${name}`)
    else if (FLAGS.has(name)) permissions[name] = toFlag(wanted, `${subject}.${name}`)
    else {
      const known = [...LISTS, ...FLAGS].join(', ')
      throw new TypeError(
        `${subject}: unknown permission ${JSON.stringify(name.slice(0, 100))}; there are ${known}`,
      )
    }
  }
  return permissions
}

function toList(value: unknown, subject: string): readonly string[] {
  const isList =
    Array.isArray(value) &&
    value.length <= ENTRIES_MAX &&
    value.every((entry) => typeof entry === 'string' && entry.length <= ENTRY_LENGTH_MAX)
  if (isList) return [...(value as string[])]
  throw new TypeError(`${subject}: expected a list of up to ${ENTRIES_MAX} texts`)
}

function toFlag(value: unknown, subject: string): boolean {
  if (typeof value === 'boolean') return value
  throw new TypeError(`${subject}: expected true or false`)
}
