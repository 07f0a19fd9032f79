import { describe, expect, it } from 'vitest'
import { SecretTexts } from '../../../kernel/effects/secret-texts.ts'
import { parseSecretReference, SecretList } from '../../../kernel/effects/secret-reference.ts'
import { answering, askAnswered, startTierGateway } from '../../support/tier-gateway.ts'
import { ALL_TIERS } from '../../sandbox/tiers.ts'

const SECRET = 'correct horse battery'
const VARIABLES = {
  API_KEY: SECRET,
  OTHER_KEY: 'not yours at all',
  DB: '{"user":"ann","password":"pass-word-1"}',
  API_LONG: 'x',
}
const ASKED = { vault: ['{vault://env/'] }

describe.each(ALL_TIERS)('a secret in the %s tier', (tier) => {
  it('is what the reference stands for, in the configuration and for vault.get', async () => {
    const gateway = await startTierGateway({
      tier,
      plugins: [
        {
          name: 'p',
          permissions: ASKED,
          body: answering(`Promise.all([config.key, config.deep[0].login, config.plain,
            pdk.vault.get('{vault://env/api-key}'), pdk.vault.get('{vault://env/DB/user}')])`),
        },
      ],
      gateway: {
        pluginGrants: { p: { vault: ['{vault://env/api-key}', '{vault://env/DB'] } },
        effects: { variables: VARIABLES },
      },
      yaml: `
plugins:
  - name: p
    config:
      key: "{vault://env/api-key}"
      deep: [{ login: "{vault://env/db/password}" }]
      plain: "{vault}"
`,
    })
    expect(await askAnswered(gateway)).toEqual({
      value: [SECRET, 'pass-word-1', '{vault}', SECRET, 'ann'],
    })
  })

  it.each([
    ['{vault://env/missing}', 'NOT_FOUND'],
    ['{vault://env/db/none}', 'NOT_FOUND'],
    ['{vault://env/api-key/field}', 'NOT_FOUND'],
    ['{vault://aws/api-key}', 'BAD_ARGUMENT'],
    ['API_KEY', 'BAD_ARGUMENT'],
    ['{vault://env/../x}', 'BAD_ARGUMENT'],
  ])('vault.get(%s) fails with %s', async (reference, code) => {
    const gateway = await startTierGateway({
      tier,
      plugins: [
        { name: 'p', permissions: ASKED, body: answering(`pdk.vault.get('${reference}')`) },
      ],
      gateway: { pluginGrants: { p: ASKED }, effects: { variables: VARIABLES } },
    })
    expect(await askAnswered(gateway)).toMatchObject({ code })
  })
})

describe.each(['isolate', 'process'] as const)(
  'a secret that was not granted in the %s tier',
  (tier) => {
    const start = (options: {
      asked?: object
      granted: object
      config?: string
      tenant?: string
    }) =>
      startTierGateway({
        tier,
        plugins: [
          {
            name: 'p',
            permissions: options.asked ?? ASKED,
            body: answering(`pdk.vault.get('{vault://env/api-key}')`),
          },
        ],
        gateway: { pluginGrants: options.granted as never, effects: { variables: VARIABLES } },
        yaml: `
tenants: [{ name: acme }]
routes: [{ name: own, paths: [/own]${options.tenant ? ', tenant: acme' : ''} }]
plugins: [{ name: p, route: own, config: { ${options.config ?? ''} }${options.tenant ? ', tenant: acme' : ''} }]
`,
      })

    it.each([
      ['asked for only', { granted: {} }],
      ['granted only', { asked: {}, granted: { p: ASKED } }],
      ['granted by another name', { granted: { p: { vault: ['{vault://env/OTHER'] } } }],
      [
        'granted to the plugin, whose instance is a tenant’s',
        { granted: { p: ASKED }, tenant: 'acme' },
      ],
      ['granted to another tenant', { granted: { 'p@other': ASKED }, tenant: 'acme' }],
    ])('is refused when it was %s', async (_name, options) => {
      const answer = await askAnswered(await start(options), '/own')
      expect(answer).toMatchObject({ code: 'NOT_GRANTED' })
      expect(JSON.stringify(answer)).not.toContain(SECRET)
    })

    it('is given to the tenant by whose name it was granted', async () => {
      const gateway = await start({ granted: { 'p@acme': ASKED }, tenant: 'acme' })
      expect(await askAnswered(gateway, '/own')).toEqual({ value: SECRET })
    })

    it('keeps a configuration that refers to it from being used', async () => {
      const config = 'key: "{vault://env/api-key}"'
      await expect(start({ granted: {}, config })).rejects.toThrow(
        /plugin "p" \(.*\): config: needs the permission vault: \["\{vault:\/\/env\/API_KEY\}"\]/,
      )
    })
  },
)

describe('a reference', () => {
  it.each([
    ['{vault://env/api-key}', 'API_KEY', null, '{vault://env/API_KEY}'],
    ['{vault://env/API_KEY/a.b-c}', 'API_KEY', 'a.b-c', '{vault://env/API_KEY/a.b-c}'],
  ])('%s is read', (text, name, field, canonical) => {
    expect(parseSecretReference(text)).toEqual({ name, field, canonical })
  })

  it.each([
    ['{vault://env/API_KEY}', '{vault://env/api-key}', true],
    ['{vault://env/api-', '{vault://env/API_KEY}', true],
    ['{vault://env/API_KEY', '{vault://env/API_KEY2}', true],
    ['{vault://env/API_KEY}', '{vault://env/API_KEY2}', false],
    ['{vault://env/DB/', '{vault://env/db/password}', true],
    ['{vault://env/DB/password}', '{vault://env/db/user}', false],
    ['{vault://', '{vault://env/x}', true],
  ])('a list with %s and %s: %s', (entry, reference, wanted) => {
    expect(new SecretList([entry]).has(parseSecretReference(reference).canonical)).toBe(wanted)
  })
})

describe('a text that is written', () => {
  it('has no secret in it that was read, in whatever spelling', () => {
    const texts = new SecretTexts()
    texts.add('a "quoted"\nsecret')
    texts.add('secret-1')
    texts.add('secret-1-and-more')
    texts.add('short')
    expect(texts.hide('x secret-1 secret-1-and-more short')).toBe('x [secret] [secret] short')
    expect(texts.hide(JSON.stringify({ a: 'a "quoted"\nsecret' }))).toBe('{"a":"[secret]"}')
  })
})
