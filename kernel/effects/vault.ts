import { PdkError } from '@sallyport/sdk'
import { notGranted, notGrantedText, type Permissions } from './grants.ts'
import {
  isSecretReference,
  parseSecretReference,
  type SecretReference,
} from './secret-reference.ts'
import type { SecretTexts } from './secret-texts.ts'

export interface SecretFault {
  readonly kind: 'refused' | 'missing'
  readonly message: string
}

export type Variables = Readonly<Record<string, string | undefined>>

/**
 * Secrets out of the environment of the gateway's own process, as Kong's vault `env`. They are read
 * anew each time; what was read is told to `texts`, which keeps it out of logs.
 */
export class Vault {
  readonly #variables: Variables
  readonly #prefix: string
  readonly #texts: SecretTexts

  /** `prefix` comes before the name of each variable. */
  constructor(variables: Variables, prefix: string, texts: SecretTexts) {
    this.#variables = variables
    this.#prefix = prefix
    this.#texts = texts
  }

  /** Throws `BAD_ARGUMENT`, `NOT_GRANTED` or `NOT_FOUND`; the texts of errors tell no secret. */
  read(member: 'vault.get' | 'config', text: string, permissions: Permissions): string {
    const reference = toReference(member, text)
    if (!permissions.mayKnow(reference.canonical)) {
      throw notGranted(member, permissions, wantedFor(reference))
    }
    const secret = this.#find(reference)
    if (secret === null) {
      throw new PdkError('NOT_FOUND', `${member}: there is no secret ${reference.canonical}`)
    }
    this.#texts.add(secret)
    return secret
  }

  /**
   * The configuration with each text that is a reference replaced by its secret; the same object when
   * there is none. Throws as `read` does.
   */
  resolve(config: unknown, permissions: Permissions): unknown {
    if (typeof config === 'string') {
      return isSecretReference(config) ? this.read('config', config, permissions) : config
    }
    if (typeof config !== 'object' || config === null) return config
    if (Array.isArray(config)) {
      const list = config.map((value) => this.resolve(value, permissions))
      return list.every((value, i) => value === config[i]) ? config : list
    }
    const entries = Object.entries(config)
    const resolved = entries.map(([key, value]) => [key, this.resolve(value, permissions)] as const)
    const isSame = resolved.every(([, value], i) => value === entries[i]![1])
    return isSame ? config : Object.fromEntries(resolved)
  }

  /**
   * What is wrong with a reference, in words that tell no secret: `refused` whatever the environment
   * holds, `missing` in that of this process. Null when `read` would find the secret.
   */
  faultOf(text: string, permissions: Permissions): SecretFault | null {
    let reference: SecretReference
    try {
      reference = parseSecretReference(text)
    } catch (error) {
      return { kind: 'refused', message: (error as Error).message }
    }
    if (!permissions.mayKnow(reference.canonical)) {
      return { kind: 'refused', message: notGrantedText(permissions, wantedFor(reference)) }
    }
    if (this.#find(reference) !== null) return null
    const { name, field, canonical } = reference
    const variable = this.#prefix + name
    const why =
      this.#variables[variable] === undefined
        ? `the variable ${variable} is not set`
        : `the variable ${variable} is no JSON object with the field "${field}"`
    return { kind: 'missing', message: `there is no secret ${canonical}: ${why}` }
  }

  /** The text without any secret that was read. */
  hide(text: string): string {
    return this.#texts.hide(text)
  }

  #find({ name, field }: SecretReference): string | null {
    const variable = this.#prefix + name
    const value = Object.hasOwn(this.#variables, variable) ? this.#variables[variable] : undefined
    if (value === undefined || field === null) return value ?? null
    try {
      const fields = JSON.parse(value) as unknown
      if (typeof fields !== 'object' || fields === null || !Object.hasOwn(fields, field))
        return null
      const secret = (fields as Record<string, unknown>)[field]
      this.#texts.add(value)
      return typeof secret === 'string' ? secret : JSON.stringify(secret)
    } catch {
      return null
    }
  }
}

function wantedFor({ canonical }: SecretReference): string {
  return `vault: [${JSON.stringify(canonical)}]`
}

function toReference(member: string, text: string): SecretReference {
  try {
    return parseSecretReference(text)
  } catch (error) {
    throw new PdkError('BAD_ARGUMENT', `${member}: ${(error as Error).message}`)
  }
}
