import { definePlugin, type Pdk, Type } from '@sallyport/sdk'

/** Asks the client for an API key and lets in the consumer to whom it belongs, as Kong's key-auth. */
export default definePlugin({
  name: 'key-auth',
  version: '1.0.0',
  priority: 1250,
  scopes: { consumer: false },
  config: Type.Object({
    key_names: Type.Array(Type.String({ pattern: '^[A-Za-z0-9_-]+$' }), {
      minItems: 1,
      default: ['apikey'],
    }),
    key_in_header: Type.Boolean({ default: true }),
    key_in_query: Type.Boolean({ default: true }),
    hide_credentials: Type.Boolean({ default: false }),
    anonymous: Type.Optional(Type.String({ minLength: 1 })),
    realm: Type.Optional(Type.String()),
    run_on_preflight: Type.Boolean({ default: true }),
  }),

  async access(pdk, config) {
    if (!config.run_on_preflight && pdk.request.getMethod() === 'OPTIONS') return letPass(pdk)
    const anonymous = config.anonymous
    // Another authentication plugin has let somebody in already; anonymous access leaves that alone.
    if (anonymous !== undefined && pdk.client.getCredential() !== null) return

    const key = findKey(pdk, config)
    const refusal = key === null ? 'No API key found in request' : 'Unauthorized'
    const credential =
      key === null ? null : await pdk.client.loadCredential('keyauth_credentials', key)
    if (credential?.consumer) {
      const consumer = await pdk.client.loadConsumer(credential.consumer.id)
      if (consumer !== null) return letIn(pdk, consumer, credential)
    }
    if (anonymous !== undefined) {
      const consumer =
        (await pdk.client.loadConsumer(anonymous)) ??
        (await pdk.client.loadConsumer(anonymous, true))
      if (consumer !== null) return letIn(pdk, consumer, null)
      return pdk.response.exit(500, { message: 'An unexpected error occurred' })
    }
    pdk.response.exit(401, { message: refusal }, { 'WWW-Authenticate': challenge(config.realm) })
  },
})

/** What upstreams are told of the caller. */
const IDENTITY_HEADERS = [
  'X-Consumer-ID',
  'X-Consumer-Custom-ID',
  'X-Consumer-Username',
  'X-Credential-Identifier',
  'X-Anonymous-Consumer',
]

interface Config {
  key_names: string[]
  key_in_header: boolean
  key_in_query: boolean
  hide_credentials: boolean
}

/** The first key found; every name is looked for in the headers, then in the query. */
function findKey(pdk: Pdk, config: Config): string | null {
  for (const name of config.key_names) {
    const inHeader = config.key_in_header ? pdk.request.getHeader(name) : null
    if (inHeader !== null && inHeader !== '') return hide(pdk, config, name, inHeader)
    const inQuery = config.key_in_query ? pdk.request.getQueryArg(name) : null
    if (typeof inQuery === 'string' && inQuery !== '') return hide(pdk, config, name, inQuery)
  }
  return null
}

/** A client may have sent its key in both places: the upstream gets neither. */
function hide(pdk: Pdk, { hide_credentials }: Config, name: string, key: string): string {
  if (hide_credentials) {
    pdk.service.request.clearHeader(name)
    pdk.service.request.clearQueryArg(name)
  }
  return key
}

type LoadedConsumer = NonNullable<Awaited<ReturnType<Pdk['client']['loadConsumer']>>>
type LoadedCredential = Awaited<ReturnType<Pdk['client']['loadCredential']>>

function letIn(pdk: Pdk, consumer: LoadedConsumer, credential: LoadedCredential): void {
  const { request } = pdk.service
  pdk.client.authenticate(consumer, credential)
  setOrClear(pdk, 'X-Consumer-ID', consumer.id)
  setOrClear(pdk, 'X-Consumer-Custom-ID', consumer.custom_id)
  setOrClear(pdk, 'X-Consumer-Username', consumer.username)
  setOrClear(pdk, 'X-Credential-Identifier', credential === null ? null : credential.id)
  if (credential === null) request.setHeader('X-Anonymous-Consumer', 'true')
  else request.clearHeader('X-Anonymous-Consumer')
}

/** Nobody was asked who it is; what the client says of itself must not look as if somebody had been. */
function letPass(pdk: Pdk): void {
  if (pdk.client.getCredential() !== null || pdk.client.getConsumer() !== null) return
  for (const name of IDENTITY_HEADERS) pdk.service.request.clearHeader(name)
}

/** What the client itself sent under these names must not reach the upstream. */
function setOrClear(pdk: Pdk, name: string, value: string | null): void {
  if (value === null) pdk.service.request.clearHeader(name)
  else pdk.service.request.setHeader(name, value)
}

function challenge(realm: string | undefined): string {
  return realm === undefined ? 'Key' : `Key realm="${realm.replaceAll(/["\\]/g, '')}"`
}
