import {
  type CallView,
  type Consumer,
  type Credential,
  findQueryArg,
  type HeaderLimits,
  parseQuery,
  PdkError,
  type QueryLimits,
  toHeaderObject,
} from '../../index.ts'
import { badArgument, checkHeaderLimits, checkQueryLimits, checkString } from '../arguments.ts'
import type { HandlerCall } from '../handler-call.ts'
import { bytesEffect, effect, headerOf, type Member } from './member.ts'

type Writable<T> = { -readonly [Key in keyof T]: T[Key] }

/** The client and its request. */
export const requestMembers = {
  'client.getIp': ({ view }) => view.client.ip,
  'client.getPort': ({ view }) => view.client.port,
  'client.getForwardedIp': ({ view }) => view.client.forwardedIp,
  'client.getForwardedPort': ({ view: { request } }) => request.forwarded?.port ?? request.port,
  'client.getProtocol': ({ view: { request, route } }, allowTerminated: unknown) => {
    const scheme =
      allowTerminated === true ? (request.forwarded?.scheme ?? request.scheme) : request.scheme
    const isGrpc = (route?.protocols ?? []).some((name) => name === 'grpc' || name === 'grpcs')
    return `${isGrpc ? 'grpc' : 'http'}${scheme.toLowerCase() === 'https' ? 's' : ''}`
  },
  'client.getConsumer': ({ view }) => view.client.consumer,
  'client.getCredential': ({ view }) => view.client.credential,
  'client.loadConsumer': effect('client.loadConsumer'),
  'client.loadCredential': effect('client.loadCredential'),
  'client.authenticate': authenticate,
  'request.getScheme': ({ view }) => view.request.scheme,
  'request.getHost': ({ view }) => view.request.hostname,
  'request.getPort': ({ view }) => view.request.port,
  'request.getForwardedScheme': ({ view: { request } }) =>
    request.forwarded?.scheme ?? request.scheme,
  'request.getForwardedHost': ({ view: { request } }) =>
    request.forwarded?.hostname ?? request.hostname,
  'request.getForwardedPort': ({ view: { request } }) => request.forwarded?.port ?? request.port,
  'request.getForwardedPath': ({ view: { request } }) => request.forwarded?.path ?? request.rawPath,
  'request.getForwardedPrefix': ({ view: { request } }) =>
    request.forwarded?.prefix ?? request.prefix,
  'request.getHttpVersion': ({ view }) => view.request.httpVersion,
  'request.getMethod': ({ view }) => view.request.method,
  'request.getPath': ({ view }) => view.request.path,
  'request.getRawPath': ({ view }) => view.request.rawPath,
  'request.getPathWithQuery': ({ view: { request } }) =>
    request.rawQuery === '' ? request.path : `${request.path}?${request.rawQuery}`,
  'request.getRawQuery': ({ view }) => view.request.rawQuery,
  'request.getQueryArg': ({ view }, name: unknown) =>
    findQueryArg(
      view.request.rawQuery,
      checkString('request.getQueryArg', 'the name of an argument', name),
    ),
  'request.getQuery': ({ view }, limits?: QueryLimits) =>
    parseQuery(view.request.rawQuery, checkQueryLimits('request.getQuery', limits)),
  'request.getUriCaptures': ({ view }) => view.request.captures,
  'request.getHeader': ({ view }, name: unknown) =>
    headerOf(view.requestHeaders, 'request.getHeader', name),
  'request.getHeaders': ({ view }, limits?: HeaderLimits) =>
    toHeaderObject(view.requestHeaders, checkHeaderLimits('request.getHeaders', limits)),
  'request.getStartTime': ({ view }) => view.request.startTimeMs,
  'request.getId': ({ view }) => view.request.id,
  'request.getRawBody': bytesEffect('request.getRawBody'),
  'request.getBody': effect('request.getBody'),
} satisfies Record<string, Member>

function hasId(value: unknown): boolean {
  return (
    typeof value === 'object' && value !== null && 'id' in value && typeof value.id === 'string'
  )
}

function authenticate(call: HandlerCall, consumer: unknown, credential: unknown): void {
  const member = 'client.authenticate'
  if (consumer === null && credential === null) {
    throw new PdkError(
      'BAD_ARGUMENT',
      'client.authenticate: expected a consumer or a credential, got null for both',
    )
  }
  if (consumer !== null && !hasId(consumer)) {
    throw badArgument(member, 'a consumer that client.loadConsumer gave', consumer)
  }
  if (credential !== null && !hasId(credential)) {
    throw badArgument(member, 'a credential with an id', credential)
  }
  call.change(true, member, consumer, credential)
  const client = call.view.client as Writable<CallView['client']>
  client.consumer = consumer as Consumer | null
  client.credential = credential as Credential | null
}
