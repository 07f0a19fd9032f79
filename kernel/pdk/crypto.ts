import { createHash, createHmac, randomBytes, timingSafeEqual } from 'node:crypto'
import type { Data, HashAlgorithm, PdkMember, SignedData } from '@sallyport/sdk'
import { EFFECT_LIMIT_ROWS } from '../effects/limits.ts'
import { verifySignature } from '../effects/signatures.ts'
import type { PluginCall } from '../plugin-call.ts'
import { badArgument, checkRecord, checkWhole } from '@sallyport/sdk/guest'
import { checkBytes } from './arguments.ts'

const HASHES: readonly HashAlgorithm[] = ['sha1', 'sha256', 'sha384', 'sha512', 'md5']
const RANDOM_BYTES_MAX = 65_536

export const cryptoPdk = {
  'crypto.hash': async (
    call: PluginCall,
    algorithm: HashAlgorithm,
    data: Data,
  ): Promise<Uint8Array> => {
    const name = checkHash('crypto.hash', algorithm)
    return createHash(name)
      .update(take(call, 'crypto.hash', data))
      .digest()
  },

  'crypto.hmac': async (
    call: PluginCall,
    algorithm: HashAlgorithm,
    key: Data,
    data: Data,
  ): Promise<Uint8Array> => {
    const name = checkHash('crypto.hmac', algorithm)
    const secret = checkSecret('crypto.hmac', key)
    return createHmac(name, secret)
      .update(take(call, 'crypto.hmac', data))
      .digest()
  },

  'crypto.equals': async (call: PluginCall, a: Data, b: Data): Promise<boolean> => {
    const [left, right] = [take(call, 'crypto.equals', a), take(call, 'crypto.equals', b)]
    // Compared by digest: their lengths differ in nothing that could be measured, either.
    const key = randomBytes(32)
    const digest = (bytes: Uint8Array) => createHmac('sha256', key).update(bytes).digest()
    return timingSafeEqual(digest(left), digest(right))
  },

  'crypto.randomBytes': async (call: PluginCall, count: number): Promise<Uint8Array> => {
    const checked = checkWhole('crypto.randomBytes', 'a count', count, [1, RANDOM_BYTES_MAX])
    call.budget.spend('crypto.randomBytes', 'crypto')
    return randomBytes(checked)
  },

  'crypto.verify': async (call: PluginCall, signed: SignedData): Promise<boolean> => {
    const member = 'crypto.verify'
    const { algorithm, key, signature, data } = checkRecord(member, 'an object', signed)
    if (!(signature instanceof Uint8Array)) {
      throw badArgument(member, 'bytes as signature', signature)
    }
    return verifySignature({ algorithm, key, signature, data: take(call, member, data) })
  },
}

function checkHash(member: string, algorithm: unknown): HashAlgorithm {
  const known = HASHES.find((name) => name === algorithm)
  if (known === undefined) throw badArgument(member, HASHES.join(', '), algorithm)
  return known
}

function checkSecret(member: string, key: unknown): Uint8Array {
  const bytes = checkBytes(member, key)
  const most = EFFECT_LIMIT_ROWS.cryptoKeyBytesMax.default
  if (bytes.byteLength > most) {
    throw badArgument(member, `a key of up to ${most} bytes`, bytes.length)
  }
  return bytes
}

/** The bytes, counted against the call's share. */
function take(call: PluginCall, member: PdkMember, data: unknown): Uint8Array {
  const bytes = checkBytes(member, data)
  const most = call.limits.cryptoBytesMax
  if (bytes.byteLength > most) throw badArgument(member, `up to ${most} bytes`, bytes.byteLength)
  call.budget.spend(member, 'crypto')
  call.budget.spend(member, 'cryptoBytes', bytes.byteLength)
  return bytes
}
