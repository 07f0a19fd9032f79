import { collectYoung } from '../../young-collection.ts'

/** So much may be waiting for the garbage collector at once. */
const UNCOLLECTED_BYTES_MAX = 16 * 1024 * 1024
/** Reads below this come with so many objects of their own that V8 collects in time. */
const LARGE_READ_BYTES = 16 * 1024

let uncollected = 0

/**
 * Told of each buffer of a body that was read. V8 sees a large body as a few small objects and lets
 * 64 MB and more of their buffers pile up before it looks (measured: a worker grew by 77 MB over
 * streams of 1 GB). A young collection each 16 MB frees them: about 1 ms, 5 % of what moving those
 * bytes costs.
 */
export function noteBufferRead(bytes: number): void {
  if (bytes < LARGE_READ_BYTES) return
  uncollected += bytes
  if (uncollected < UNCOLLECTED_BYTES_MAX) return
  uncollected = 0
  collectYoung()
}
