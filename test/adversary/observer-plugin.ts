import { definePlugin } from '@sallyport/sdk'
import { type Observation, PROBE_MS } from './observation.ts'

/**
 * Runs inline, in the worker's main thread, and tells what attacks do to it. Its timer is due every
 * few milliseconds: CPU that the thread burns between two firings, beyond those milliseconds, was
 * burnt at a stretch, with the event loop held. CPU and not time: a busy machine makes nobody guilty.
 */
let lastUs = 0
let longestUs = 0
let beats = 0

const PROTOTYPES = [Object, Array, Function, String, Promise, Map, Error, RegExp]
const ownKeys = (): string[] =>
  PROTOTYPES.flatMap(({ name, prototype }) =>
    Reflect.ownKeys(prototype as object).map((key) => `${name}.${String(key)}`),
  )
const keysBefore = new Set(ownKeys())

export default definePlugin({
  name: 'observer',
  version: '1.0.0',
  init() {
    lastUs = threadCpuUs()
    setInterval(() => {
      const nowUs = threadCpuUs()
      longestUs = Math.max(longestUs, nowUs - lastUs)
      lastUs = nowUs
      beats++
    }, PROBE_MS).unref()
  },
  /** Writes a mark into the log, or tells what was seen since that was asked last. */
  access(pdk) {
    const mark = pdk.request.getHeader('x-mark')
    if (mark !== null) {
      pdk.log.notice(mark)
      pdk.response.exit(200, 'marked')
      return
    }
    const observation: Observation = {
      pid: process.pid,
      longestCpuMs: longestUs / 1_000,
      beats,
      rssBytes: process.memoryUsage.rss(),
      newKeys: ownKeys().filter((key) => !keysBefore.has(key)),
    }
    longestUs = 0
    beats = 0
    pdk.response.exit(200, observation)
  },
})

function threadCpuUs(): number {
  const { user, system } = process.threadCpuUsage()
  return user + system
}
