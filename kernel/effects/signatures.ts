import {
  constants,
  createHmac,
  createPublicKey,
  type JsonWebKeyInput,
  type KeyObject,
  timingSafeEqual,
  verify,
  type VerifyKeyObjectInput,
} from 'node:crypto'
import { PdkError, type SignatureAlgorithm } from '@sallyport/sdk'
import { EFFECT_LIMIT_ROWS } from './limits.ts'

type Row =
  | { readonly kind: 'hmac'; readonly hash: string }
  | { readonly kind: 'rsa' | 'rsa-pss'; readonly hash: string }
  | { readonly kind: 'ec'; readonly hash: string; readonly curve: string }
  | { readonly kind: 'ed25519' }

/** RFC 7518, RFC 8037: what a key must be for the algorithm that a token names. */
const ALGORITHMS: Readonly<Record<SignatureAlgorithm, Row>> = {
  HS256: { kind: 'hmac', hash: 'sha256' },
  HS384: { kind: 'hmac', hash: 'sha384' },
  HS512: { kind: 'hmac', hash: 'sha512' },
  RS256: { kind: 'rsa', hash: 'sha256' },
  RS384: { kind: 'rsa', hash: 'sha384' },
  RS512: { kind: 'rsa', hash: 'sha512' },
  PS256: { kind: 'rsa-pss', hash: 'sha256' },
  PS384: { kind: 'rsa-pss', hash: 'sha384' },
  PS512: { kind: 'rsa-pss', hash: 'sha512' },
  ES256: { kind: 'ec', hash: 'sha256', curve: 'prime256v1' },
  ES384: { kind: 'ec', hash: 'sha384', curve: 'secp384r1' },
  ES512: { kind: 'ec', hash: 'sha512', curve: 'secp521r1' },
  EdDSA: { kind: 'ed25519' },
}

const KEY_BYTES_MAX = EFFECT_LIMIT_ROWS.cryptoKeyBytesMax.default
/** RFC 7518 asks for 2,048 at least; a longer one than this takes milliseconds for each token. */
const RSA_BITS = { min: 2_048, max: 8_192 }
const PUBLIC_EXPONENT_MAX = 0x1_0000_0001n

export interface Signed {
  readonly algorithm: unknown
  /** A secret, or a public key in PEM or as JWK. */
  readonly key: unknown
  readonly signature: Uint8Array
  readonly data: Uint8Array
}

/** Rejects with `BAD_ARGUMENT` for what cannot be a key of the algorithm. */
export async function verifySignature(signed: Signed): Promise<boolean> {
  const { algorithm, key, signature, data } = signed
  const row = Object.hasOwn(ALGORITHMS, String(algorithm))
    ? ALGORITHMS[algorithm as SignatureAlgorithm]
    : undefined
  if (row === undefined) {
    throw bad(`expected one of ${Object.keys(ALGORITHMS).join(', ')} as algorithm`)
  }
  if (row.kind === 'hmac') {
    const wanted = createHmac(row.hash, toSecret(key)).update(data).digest()
    return wanted.length === signature.length && timingSafeEqual(wanted, signature)
  }
  const publicKey = toPublicKey(key)
  checkKind(publicKey, row, String(algorithm))
  const hash = row.kind === 'ed25519' ? null : row.hash
  // On a thread of its own, off the event loop.
  return new Promise((resolve, reject) => {
    verify(hash, data, toVerifyInput(publicKey, row), signature, (error, isRight) => {
      if (error === null) resolve(isRight)
      else reject(bad('the signature cannot be verified with this key'))
    })
  })
}

/** A public key is known to everybody: whoever takes one as a secret believes every token. */
function toSecret(key: unknown): Uint8Array {
  const bytes = typeof key === 'string' ? Buffer.from(key) : key
  if (!(bytes instanceof Uint8Array)) throw bad('expected a secret, as text or bytes')
  const { byteLength } = bytes
  if (byteLength === 0 || byteLength > KEY_BYTES_MAX) {
    throw bad(`expected a secret of 1 to ${KEY_BYTES_MAX} bytes`)
  }
  if (Buffer.from(bytes).includes('-----BEGIN ')) throw bad('expected a secret, got a key in PEM')
  return bytes
}

function toPublicKey(key: unknown): KeyObject {
  const text = key instanceof Uint8Array ? Buffer.from(key).toString('latin1') : key
  const size = typeof text === 'string' ? text.length : JSON.stringify(text ?? null).length
  if (size > KEY_BYTES_MAX) {
    throw bad(`expected a key of up to ${KEY_BYTES_MAX} bytes`)
  }
  try {
    if (typeof text === 'string') return createPublicKey({ key: text, format: 'pem' })
    const jwk = { key: text as JsonWebKeyInput['key'], format: 'jwk' } as const
    return createPublicKey(jwk)
  } catch {
    // The texts of OpenSSL help nobody here, and might quote the key.
    throw bad('expected a public key in PEM or a JWK')
  }
}

function checkKind(key: KeyObject, row: Row, algorithm: string): void {
  const { asymmetricKeyType: type, asymmetricKeyDetails: details = {} } = key
  const refuse = (wanted: string) =>
    bad(`expected ${wanted} for ${algorithm}, got a key of ${type}`)
  if (row.kind === 'ed25519' && type !== 'ed25519') throw refuse('a key of ed25519')
  if (row.kind === 'ec' && (type !== 'ec' || details.namedCurve !== row.curve)) {
    throw refuse(`a key of the curve ${row.curve}`)
  }
  if (row.kind !== 'rsa' && row.kind !== 'rsa-pss') return
  const isRsa = type === 'rsa' || (type === 'rsa-pss' && row.kind === 'rsa-pss')
  const { modulusLength: bits = 0, publicExponent: exponent = 0n } = details
  if (!isRsa || bits < RSA_BITS.min || bits > RSA_BITS.max || exponent > PUBLIC_EXPONENT_MAX) {
    throw refuse(`an RSA key of ${RSA_BITS.min} to ${RSA_BITS.max} bits`)
  }
}

function toVerifyInput(key: KeyObject, row: Row): VerifyKeyObjectInput {
  if (row.kind === 'rsa') {
    return { key, padding: constants.RSA_PKCS1_PADDING }
  }
  if (row.kind === 'rsa-pss') {
    const padding = constants.RSA_PKCS1_PSS_PADDING
    return { key, padding, saltLength: constants.RSA_PSS_SALTLEN_DIGEST }
  }
  if (row.kind === 'ec') return { key, dsaEncoding: 'ieee-p1363' }
  return { key }
}

function bad(wanted: string): PdkError {
  return new PdkError('BAD_ARGUMENT', `crypto.verify: ${wanted}`)
}
