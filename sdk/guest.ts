/**
 * `@sallyport/sdk/guest`: what runs the handlers of a plugin apart from its gateway, and the PDK that
 * they get there. The gateway's sandbox and `@sallyport/sdk/serve` are made of it; no part of the
 * contract with authors of plugins.
 */
export {
  badArgument,
  checkHeaderLimits,
  checkHeaderName,
  checkHeaderRecord,
  checkHeaderValues,
  checkQueryLimits,
  checkRecord,
  checkSettableHeaderName,
  checkStatus,
  checkString,
  checkWhole,
} from './guest/arguments.ts'
export { fromBase64, fromLatin1, toBase64, toLatin1 } from './guest/base64.ts'
export {
  type Before,
  FAILED_MARK,
  type GuestCall,
  isFailure,
  isFinal,
  LEFT,
  payloadOf,
  toCallText,
} from './guest/call-text.ts'
export { Dispatcher } from './guest/dispatcher.ts'
export type { HandlerCall } from './guest/handler-call.ts'
export { toLogText } from './guest/log-text.ts'
export type { GuestOptions, GuestPort, NativeName, PostKind } from './guest/options.ts'
export {
  defineProperty,
  jsonParse,
  jsonStringify,
  slice,
  test,
  toText,
} from './guest/primordials.ts'
export { createPdkMaker } from './guest/pdk-object.ts'
export { GuestTextDecoder, GuestTextEncoder } from './guest/text-encoding.ts'
