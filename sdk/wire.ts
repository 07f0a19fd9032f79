/**
 * `@sallyport/sdk/protocol`: what both ends of a connection between a gateway and a plugin host in
 * another process need. Apart from `@sallyport/sdk`, so that a plugin does not carry a codec.
 */
export {
  FAILED_KINDS,
  type FailedKind,
  type FieldKind,
  type GatewayMessage,
  type HostMessage,
  type Message,
  type MessageName,
  MESSAGES,
  PAYLOAD_ENCODINGS,
  PLAN_BY_TYPE,
  type PayloadEncoding,
  PROTOCOL_VERSION,
  ProtocolError,
  type Sender,
  TIMER_EFFECT,
} from './protocol.ts'
export {
  FRAME_LIMITS,
  FrameDecoder,
  FrameEncoder,
  type FrameLimits,
  type ReadFrame,
} from './codec.ts'
export { addMessage, MessageReader } from './message-codec.ts'
