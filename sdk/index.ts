/**
 * `@sallyport/sdk`: what the author of a plugin installs, and the contract between plugins, the
 * kernel and the sandbox.
 */
export type {
  BalancerPdk,
  ClientPdk,
  CtxPdk,
  HeaderLimits,
  HeaderValue,
  LogPdk,
  NodePdk,
  Pdk,
  PluginPdk,
  RequestPdk,
  ResponsePdk,
  RouterPdk,
  ServicePdk,
  ServiceRequestPdk,
  ServiceResponsePdk,
} from './pdk.ts'
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
export type { CallResult, CallView } from './call-view.ts'
export { HOST_FAILURES, HostFailure, type HostFailureKind } from './host-failure.ts'
