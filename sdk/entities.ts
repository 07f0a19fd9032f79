/**
 * Entities as a plugin sees them: Kong's field names. Secrets are not among the fields.
 */
export interface Route {
  readonly id: string
  readonly name: string | null
  readonly protocols: readonly string[]
  readonly hosts: readonly string[] | null
  readonly paths: readonly string[] | null
  readonly methods: readonly string[] | null
  readonly tags: readonly string[] | null
}

export interface Service {
  readonly id: string
  readonly name: string | null
  readonly protocol: string
  readonly host: string
  readonly port: number
  readonly path: string | null
  readonly tags: readonly string[] | null
}

export interface Consumer {
  readonly id: string
  readonly username: string | null
  readonly custom_id: string | null
  readonly tags: readonly string[] | null
}

/** What a consumer showed: the row of a credential collection, without its secret part. */
export interface Credential {
  readonly id: string
  readonly consumer: { readonly id: string } | null
}

/** The collections of credentials that plugins look up by the value that the client showed. */
export type CredentialCollection = 'keyauth_credentials'

/** The address that the balancer picked for a try. */
export interface Target {
  readonly host: string
  readonly port: number
  /** 1 for the first try. */
  readonly tryNumber: number
}
