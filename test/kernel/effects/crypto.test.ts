import { createHash, createHmac, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { describe, expect, it } from 'vitest'
import { verifySignature } from '../../../kernel/effects/signatures.ts'
import { answering, askAnswered, startTierGateway } from '../../support/tier-gateway.ts'
import { ALL_TIERS } from '../../sandbox/tiers.ts'

const DATA = Buffer.from('header.payload')

describe.each(ALL_TIERS)('pdk.crypto in the %s tier', (tier) => {
  const evaluate = async (expression: string) =>
    askAnswered(
      await startTierGateway({ tier, plugins: [{ name: 'p', body: answering(expression) }] }),
    )

  it('hashes, signs, compares, makes random bytes and verifies', async () => {
    const signature = createHmac('sha256', 'secret').update(DATA).digest('base64')
    const { value } = await evaluate(`(async () => {
      const bytes = (text) => Uint8Array.from(atob(text), (c) => c.charCodeAt(0))
      const hex = (b) => [...b].map((n) => n.toString(16).padStart(2, '0')).join('')
      const random = await pdk.crypto.randomBytes(32)
      const signed = { algorithm: 'HS256', key: 'secret', signature: bytes('${signature}') }
      return [
        hex(await pdk.crypto.hash('sha256', 'grün')),
        hex(await pdk.crypto.hash('sha256', new Uint8Array([255, 0]))),
        hex(await pdk.crypto.hmac('sha512', 'key', 'data')),
        await pdk.crypto.equals('a', new Uint8Array([97])), await pdk.crypto.equals('a', 'ab'),
        random.length, random.some((n) => n !== random[0]),
        await pdk.crypto.verify({ ...signed, data: 'header.payload' }),
        await pdk.crypto.verify({ ...signed, data: 'header.payloaD' }),
      ]
    })()`)
    expect(value).toEqual([
      createHash('sha256').update('grün').digest('hex'),
      createHash('sha256')
        .update(Buffer.from([255, 0]))
        .digest('hex'),
      createHmac('sha512', 'key').update('data').digest('hex'),
      ...[true, false, 32, true, true, false],
    ])
  })

  it.each([
    [`pdk.crypto.hash('whirlpool', 'x')`, 'BAD_ARGUMENT'],
    [`pdk.crypto.hash('sha256', { a: 1 })`, 'BAD_ARGUMENT'],
    [`pdk.crypto.hmac('sha256', 'k'.repeat(20_000), 'x')`, 'BAD_ARGUMENT'],
    [`pdk.crypto.randomBytes(1e6)`, 'BAD_ARGUMENT'],
    [`pdk.crypto.hash('sha256', 'x'.repeat(1_048_577))`, 'BAD_ARGUMENT'],
    [
      `(async () => { for (let i = 0; i < 5; i++) await pdk.crypto.hash('md5', 'x'.repeat(1e6)) })()`,
      'LIMIT',
    ],
    [`(async () => { for (;;) await pdk.crypto.hash('md5', '') })()`, 'LIMIT'],
    [
      `pdk.crypto.verify({ algorithm: 'none', key: '', signature: new Uint8Array(), data: '' })`,
      'BAD_ARGUMENT',
    ],
    [
      `pdk.crypto.verify({ algorithm: 'HS256', key: 'x', signature: 'text', data: '' })`,
      'BAD_ARGUMENT',
    ],
    [
      `pdk.crypto.verify({ algorithm: '__proto__', key: 'x', signature: new Uint8Array(), data: '' })`,
      'BAD_ARGUMENT',
    ],
  ])('%s is refused with %s', async (expression, code) => {
    expect(await evaluate(expression)).toMatchObject({ code })
  })
})

const rsa = generateKeyPairSync('rsa', { modulusLength: 2_048 })
const p256 = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const p384 = generateKeyPairSync('ec', { namedCurve: 'secp384r1' })
const ed = generateKeyPairSync('ed25519')
const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString()
const jwk = (key: KeyObject) => key.export({ format: 'jwk' })

describe('a signature', () => {
  it.each([
    ['RS256', rsa, sign('sha256', DATA, rsa.privateKey)],
    ['PS256', rsa, sign('sha256', DATA, { key: rsa.privateKey, padding: 6, saltLength: 32 })],
    ['ES256', p256, sign('sha256', DATA, { key: p256.privateKey, dsaEncoding: 'ieee-p1363' })],
    ['ES384', p384, sign('sha384', DATA, { key: p384.privateKey, dsaEncoding: 'ieee-p1363' })],
    ['EdDSA', ed, sign(null, DATA, ed.privateKey)],
  ])(
    'of %s is verified with PEM, bytes or JWK, and only as it is',
    async (algorithm, pair, signature) => {
      const text = pem(pair.publicKey)
      for (const key of [text, Buffer.from(text), jwk(pair.publicKey)]) {
        expect(await verifySignature({ algorithm, key, signature, data: DATA })).toBe(true)
      }
      const other = Buffer.from(signature)
      other[3]! ^= 1
      const wrong = [
        { signature: other, data: DATA },
        { signature, data: Buffer.from('header.payloaD') },
        { signature: Buffer.alloc(0), data: DATA },
        { signature: signature.subarray(1), data: DATA },
      ]
      for (const each of wrong) {
        expect(await verifySignature({ algorithm, key: text, ...each })).toBe(false)
      }
    },
  )

  it.each([
    ['HS256', pem(rsa.publicKey), /expected a secret, got a key in PEM/],
    ['HS256', '', /expected a secret of 1 to/],
    ['HS256', jwk(rsa.publicKey), /expected a secret/],
    ['RS256', 'secret', /expected a public key/],
    ['RS256', pem(p256.publicKey), /expected an RSA key/],
    ['ES256', pem(p384.publicKey), /expected a key of the curve prime256v1/],
    ['ES256', pem(rsa.publicKey), /expected a key of the curve/],
    ['EdDSA', pem(p256.publicKey), /expected a key of ed25519/],
    ['RS256', 'x'.repeat(20_000), /expected a key of up to/],
    ['RS256', null, /expected a public key/],
    ['RS256', { kty: 'RSA', n: 'AQAB', e: 'AQAB' }, /expected an RSA key of 2048|public key/],
  ])('of %s is not verified with a key of another kind (%#)', async (algorithm, key, text) => {
    await expect(
      verifySignature({ algorithm, key, signature: Buffer.alloc(64), data: DATA }),
    ).rejects.toThrow(text)
  })
})
