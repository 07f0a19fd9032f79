/**
 * A plugin that does what a request tells it to in `X-Do`, so that a test can say what two requests,
 * or two tenants, do to each other. `kept` is what one request leaves behind for another. Only the
 * plugin that `X-Who` names acts; the others tell what they see.
 */
export const toActorSource = (name: string): string => `
let count = 0
let kept = null
const sleep = (ms) => new Promise((resolve) => setTimeout(resolve, ms))
const deeds = {
  count: (pdk) => pdk.response.exit(200, String(++count)),
  config: (pdk, config) => pdk.response.exit(200, JSON.stringify(config)),
  pass: () => undefined,
  keep: (pdk) => {
    kept = pdk
    pdk.response.exit(200, 'kept')
  },
  keepAndWait: async (pdk, _config, ms, n) => {
    kept = pdk
    await sleep(ms)
    pdk.response.exit(200, n)
  },
  useKept: (pdk) => {
    const uses = [
      () => kept.request.getHeader('x-n'),
      () => kept.response.exit(418, 'of the other'),
      () => kept.response.setHeader('x-other', '1'),
      () => kept.ctx.shared,
    ]
    const outcomes = uses.map((use) => {
      try {
        return String(use())
      } catch (error) {
        return error.code
      }
    })
    pdk.response.exit(200, outcomes.join())
  },
  share: (pdk, _config, _ms, n) => {
    pdk.ctx.shared.n = n
    pdk.ctx.plugin.n = n
  },
  wait: async (pdk, _config, ms, n) => {
    await sleep(ms)
    pdk.response.exit(200, n)
  },
  waitAndThrow: async (pdk, _config, ms, n) => {
    pdk.response.setHeader('x-thrown', n)
    await sleep(ms)
    throw new Error('thrown by ' + n)
  },
  rejectWhileWaiting: async (pdk, _config, ms, n) => {
    setTimeout(() => void Promise.reject(new Error('rejected by ' + n)), ms / 2)
    await sleep(ms)
    pdk.response.exit(200, n)
  },
  late: (pdk, _config, ms, n) => {
    setTimeout(() => pdk.response.exit(418, 'late'), ms)
    void sleep(ms).then(() => pdk.response.exit(418, 'late'))
    pdk.response.exit(200, n)
  },
  never: () => new Promise(() => {}),
  body: async (pdk) => {
    const bytes = await pdk.request.getRawBody()
    await sleep(bytes.length % 7)
    pdk.response.exit(200, bytes)
  },
  pollute: (pdk) => {
    Object.prototype.polluted = 'yes'
    Array.prototype.push = () => 0
    JSON.stringify = () => '"owned"'
    JSON.parse = () => ({ owned: true })
    Promise.prototype.then = () => undefined
    Map.prototype.get = () => undefined
    Object.defineProperty(Object.prototype, 'status', { get: () => 418, set() {} })
    pdk.response.exit(200, 'polluted')
  },
  look: (pdk, _config, _ms, n) => pdk.response.exit(200, n + String({}.polluted) + String([1].push)),
  spin: (pdk, _config, ms, n) => {
    for (const until = Date.now() + ms; Date.now() < until; );
    pdk.response.exit(200, n)
  },
  die: () => Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1),
  consumer: (pdk) => pdk.response.exit(200, JSON.stringify(pdk.client.getConsumer())),
  global: (pdk, _config, _ms, n) => {
    globalThis.mark = (globalThis.mark ?? '') + n
    pdk.response.exit(200, globalThis.mark)
  },
}
export default {
  name: '${name}',
  version: '1.0.0',
  config: { type: 'object', properties: { secret: { type: 'string', default: '' } } },
  access(pdk, config) {
    if ((pdk.request.getHeader('x-who') ?? 'actor') !== '${name}') return
    const deed = deeds[pdk.request.getHeader('x-do') ?? 'pass']
    const ms = Number(pdk.request.getHeader('x-ms') ?? 0)
    return deed(pdk, config, ms, pdk.request.getHeader('x-n') ?? '')
  },
  headerFilter(pdk) {
    pdk.response.setHeader('x-${name}', JSON.stringify([pdk.ctx.shared.n ?? null, pdk.ctx.plugin.n ?? null]))
    pdk.response.setHeader('x-${name}-n', pdk.request.getHeader('x-n') ?? 'none')
  },
}
`
