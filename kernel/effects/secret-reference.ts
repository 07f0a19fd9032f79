import { EFFECT_LIMIT_ROWS } from './limits.ts'

/** A reference as Kong writes it: `{vault://env/db-login}` or `{vault://env/db-login/password}`. */
export interface SecretReference {
  /** The variable, as Kong finds it: upper case, `_` for `-`. */
  readonly name: string
  /** The field of a secret that is a JSON object, or null. */
  readonly field: string | null
  /** One spelling for all that mean the same, like `{vault://env/DB_LOGIN/password}`. */
  readonly canonical: string
}

const LENGTH_MAX = EFFECT_LIMIT_ROWS.vaultReferenceLengthMax.default
const BEGIN = '{vault://'
const REFERENCE = /^\{vault:\/\/([a-z][a-z0-9-]*)\/([A-Za-z0-9_-]+)(?:\/([A-Za-z0-9_.-]+))?\}$/

export function isSecretReference(text: string): boolean {
  return text.startsWith(BEGIN) && text.endsWith('}')
}

/** Whether whoever wrote it meant a reference. */
export function looksLikeReference(text: string): boolean {
  return text.trimStart().startsWith(BEGIN)
}

/** Throws a `TypeError` that quotes the reference and says what is wanted. */
export function parseSecretReference(text: string): SecretReference {
  const match = text.length > LENGTH_MAX ? null : REFERENCE.exec(text)
  if (match === null) {
    throw new TypeError(`${quote(text)}: expected a reference like {vault://env/api-key}`)
  }
  const [, vault, given = '', field = null] = match
  if (vault !== 'env') {
    throw new TypeError(`${quote(text)}: there is no vault "${vault}"; there is env`)
  }
  const name = toVariableName(given)
  const rest = field === null ? '' : `/${field}`
  return { name, field, canonical: `${BEGIN}env/${name}${rest}}` }
}

/** References, or their beginnings: `{vault://env/STRIPE_` stands for all that begin so. */
export class SecretList {
  readonly #beginnings: readonly string[]

  /** Throws a `TypeError` that quotes the entry which cannot be read. */
  constructor(entries: readonly string[]) {
    this.#beginnings = entries.map(toBeginning)
  }

  /** `canonical`: `SecretReference.canonical`. */
  has(canonical: string): boolean {
    return this.#beginnings.some((beginning) => canonical.startsWith(beginning))
  }
}

function toBeginning(entry: string): string {
  if (isSecretReference(entry)) return parseSecretReference(entry).canonical
  if (entry === BEGIN || entry === `${BEGIN}env/`) return entry
  const match = /^\{vault:\/\/env\/([A-Za-z0-9_-]+)(\/[A-Za-z0-9_.-]*)?$/.exec(entry)
  if (match !== null) return `${BEGIN}env/${toVariableName(match[1]!)}${match[2] ?? ''}`
  throw new TypeError(
    `${quote(entry)}: expected a reference like {vault://env/api-key}, or the beginning of one`,
  )
}

function toVariableName(name: string): string {
  return name.replaceAll('-', '_').toUpperCase()
}

function quote(text: string): string {
  return JSON.stringify(text.slice(0, 100))
}
