/**
 * `@sallyport/sdk/protocol`: what both ends of a connection between a gateway and a plugin host in
 * another process need. Apart from `@sallyport/sdk`, so that a plugin does not carry a codec.
 */
export {
  FAILED_KINDS,
  type FailedKind,
  fromEnvelope,
  type GatewayMessage,
  type HostMessage,
  type Message,
  type MessageName,
  MESSAGES,
  PAYLOAD_ENCODINGS,
  type PayloadEncoding,
  PROTOCOL_VERSION,
  ProtocolError,
  TIMER_EFFECT,
  toEnvelope,
} from './protocol.ts'
export { FRAME_LIMITS, FrameDecoder, FrameEncoder, type FrameLimits } from './codec.ts'
