/**
 * `@sallyport/sdk`: what the author of a plugin installs, and the contract between plugins, the
 * kernel and the sandbox.
 */
export type {
  BalancerPdk,
  BodyLimits,
  ClientPdk,
  CtxPdk,
  FinishedSpan,
  HeaderLimits,
  HeaderValue,
  IpPdk,
  LogPdk,
  MemoryStats,
  NodePdk,
  Pdk,
  PluginPdk,
  QueryArg,
  QueryLimits,
  QueryValues,
  RequestPdk,
  ResponsePdk,
  RouterPdk,
  SerializedRequest,
  SerializeMode,
  ServicePdk,
  ServiceRequestPdk,
  ServiceResponsePdk,
  Span,
  SpanValue,
  TracingPdk,
  UriCaptures,
} from './pdk.ts'
export type {
  CacheOptions,
  CachePdk,
  CryptoPdk,
  Data,
  FetchAnswer,
  FetchOptions,
  HashAlgorithm,
  HttpPdk,
  ListOptions,
  SignatureAlgorithm,
  SignedData,
  StoreOptions,
  StorePdk,
  VaultPdk,
} from './pdk-effects.ts'
export { type PluginPermissions, toPermissions } from './permissions.ts'
export type {
  Consumer,
  Credential,
  CredentialCollection,
  Route,
  Service,
  Target,
} from './entities.ts'
export {
  type Handler,
  type Handlers,
  type Lifecycle,
  type LifecyclePdk,
  type Plugin,
  type PluginManifest,
  definePlugin,
} from './plugin.ts'
export { Type, type Static, type TSchema } from './schema.ts'
export { PDK_ERRORS, PdkError, type PdkErrorCode } from './errors.ts'
export {
  type Phase,
  type PhaseFailure,
  type PhaseRow,
  type PhaseScope,
  PHASE_NAMES,
  PHASES,
  fromPhaseBits,
  isPhase,
  toPhaseBits,
} from './phase.ts'
export {
  type PdkFunction,
  type PdkKind,
  type PdkMember,
  type PdkMemberRow,
  PDK_MEMBERS,
  PDK_PHASE_BITS,
  isAllowedIn,
  isPdkMember,
  wrongPhaseText,
} from './pdk-members.ts'
export {
  type HeaderList,
  type ReadonlyHeaderList,
  findHeader,
  getHeader,
  getHeaderValues,
  removeHeader,
  setHeader,
  toHeaderObject,
} from './header-list.ts'
export { toManifest } from './manifest.ts'
export { readView, VIEW_PARTS, type ViewPart, writeView } from './call-view.ts'
export type { CallResult, CallView, ForwardedView, LogView } from './call-view.ts'
export { HOST_FAILURES, HostFailure, type HostFailureKind } from './host-failure.ts'
export { decodeQueryPart, encodeQuery, findQueryArg, parseQuery } from './query.ts'
export { SERIALIZE_MODES, type SerializeValue, toSerializedRequest } from './serialize.ts'
export { startSpan } from './span.ts'
