import { FRAME_LIMITS, ProtocolError, type ReadFrame } from '@sallyport/sdk/protocol'
import { unpack } from '../../sdk/codec.ts'
import { endOfValue } from '../../sdk/msgpack-check.ts'

/** The value in a frame, whatever it is: for the other end of a test, and for what is compared with. */
export function valueReader({ depthMax } = FRAME_LIMITS): ReadFrame<unknown> {
  return (bytes, start, end) => {
    const at = endOfValue({ bytes, end, depthMax }, start, 0)
    if (at !== end) throw new ProtocolError(`a frame has ${end - at} bytes after its value`)
    return unpack(bytes.subarray(start, end))
  }
}
