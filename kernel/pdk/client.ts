import { type Consumer, type Credential, PdkError } from '@sallyport/sdk'
import type { ConsumerRecord } from '../directory.ts'
import { forwardedAddress, forwardedScheme } from '../forwarded-headers.ts'
import type { PluginCall } from '../plugin-call.ts'
import { forwardedOf } from './request.ts'
import { badArgument, checkString } from '@sallyport/sdk/guest'

const CREDENTIAL_COLLECTIONS = new Set(['keyauth_credentials'])
/** A value longer than this is no key that anybody made; it is not looked up. */
const CREDENTIAL_LENGTH_MAX = 4_096

export const clientPdk = {
  'client.getIp': (call: PluginCall) => call.ctx.exchange.connection.clientAddress,

  'client.getPort': (call: PluginCall) => call.ctx.exchange.connection.clientPort,

  'client.getForwardedIp': (call: PluginCall) =>
    forwardedAddress(call.ctx.exchange, call.environment.isTrustedAddress),

  'client.getForwardedPort': (call: PluginCall) =>
    forwardedOf(call)?.port ?? call.ctx.exchange.connection.localPort,

  'client.getProtocol': (call: PluginCall, allowTerminated?: boolean) => {
    const { exchange, matched } = call.ctx
    const scheme =
      allowTerminated === true
        ? forwardedScheme(exchange, call.environment.isTrustedAddress)
        : exchange.connection.scheme
    return toProtocol(scheme, matched?.route.protocols ?? [])
  },

  'client.getConsumer': (call: PluginCall) => call.ctx.consumerView,

  'client.getCredential': (call: PluginCall) => call.ctx.credential,

  'client.loadConsumer': async (
    call: PluginCall,
    idOrName: string,
    byUsername?: boolean,
  ): Promise<Consumer | null> => {
    const wanted = checkString('client.loadConsumer', 'the id or username of a consumer', idOrName)
    const { directory } = call.ctx.snapshot
    const record =
      byUsername === true
        ? await directory.findConsumerByName(wanted)
        : await directory.findConsumer(wanted)
    return record === null ? null : remember(call, record)
  },

  'client.loadCredential': async (
    call: PluginCall,
    collection: 'keyauth_credentials',
    value: string,
  ): Promise<Credential | null> => {
    if (!CREDENTIAL_COLLECTIONS.has(collection)) {
      throw badArgument(
        'client.loadCredential',
        `one of ${[...CREDENTIAL_COLLECTIONS].join(', ')}`,
        collection,
      )
    }
    const wanted = checkString('client.loadCredential', 'the value that the client showed', value)
    if (wanted.length > CREDENTIAL_LENGTH_MAX) return null
    return call.ctx.snapshot.directory.findCredential(collection, wanted)
  },

  'client.authenticate': (
    call: PluginCall,
    consumer: Consumer | null,
    credential: Credential | null,
  ): void => {
    if (consumer === null && credential === null) {
      throw new PdkError(
        'BAD_ARGUMENT',
        'client.authenticate: expected a consumer or a credential, got null for both',
      )
    }
    call.ctx.consumer = consumer === null ? null : recordOf(call, consumer)
    call.ctx.credential = credential === null ? null : checkCredential(credential)
    call.authenticated = true
  },
}

/** A route for gRPC is spoken to in gRPC. */
function toProtocol(scheme: string, protocols: readonly string[]): string {
  const isSecure = scheme.toLowerCase() === 'https'
  const name = protocols.some((one) => one === 'grpc' || one === 'grpcs') ? 'grpc' : 'http'
  return isSecure ? `${name}s` : name
}

/** Kept so that `authenticate`, which is synchronous, finds the kernel's own record. */
function remember(call: PluginCall, record: ConsumerRecord): Consumer {
  ;(call.ctx.loadedConsumers ??= new Map()).set(record.view.id, record)
  return record.view
}

/** A plugin cannot invent a consumer: it names one that it has loaded. */
function recordOf(call: PluginCall, consumer: Consumer): ConsumerRecord {
  const id: unknown = (consumer as Consumer | undefined)?.id
  const record = typeof id === 'string' ? call.ctx.loadedConsumers?.get(id) : undefined
  if (record === undefined) {
    throw badArgument(
      'client.authenticate',
      'a consumer that client.loadConsumer gave',
      id ?? consumer,
    )
  }
  return record
}

/** A sandbox may send anything. */
function checkCredential(credential: Partial<Credential> | undefined): Credential {
  const { id, consumer } = credential ?? {}
  const consumerId: unknown = consumer?.id ?? null
  if (typeof id !== 'string' || (consumerId !== null && typeof consumerId !== 'string')) {
    throw badArgument('client.authenticate', 'a credential that has an id', credential)
  }
  return { id, consumer: consumerId === null ? null : { id: consumerId } }
}
