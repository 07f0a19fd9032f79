import { definePlugin, Type } from '@sallyport/sdk'

/** Gives every request an id that upstream and client can quote, as Kong's correlation-id. */
export default definePlugin({
  name: 'correlation-id',
  version: '1.0.0',
  priority: 100_001,
  config: Type.Object({
    header_name: Type.String({ pattern: '^[A-Za-z0-9_-]+$', default: 'Kong-Request-ID' }),
    // Kong's third one, `tracker`, is made of nginx's connection numbers: there are none here.
    generator: Type.Union([Type.Literal('uuid'), Type.Literal('uuid#counter')], {
      default: 'uuid#counter',
    }),
    echo_downstream: Type.Boolean({ default: false }),
  }),

  access(pdk, config) {
    const sent = pdk.request.getHeader(config.header_name)
    const id = sent !== null && sent !== '' ? sent : GENERATORS[config.generator]()
    if (id !== sent) pdk.service.request.setHeader(config.header_name, id)
    pdk.ctx.plugin['id'] = id
  },

  headerFilter(pdk, config) {
    if (!config.echo_downstream) return
    const id = pdk.ctx.plugin['id'] ?? pdk.request.getHeader(config.header_name)
    if (typeof id === 'string') pdk.response.setHeader(config.header_name, id)
  },
})

/** One a process, so that the counted ids of several workers differ. */
const WORKER_ID = crypto.randomUUID()
let counter = 0

const GENERATORS = {
  uuid: () => crypto.randomUUID(),
  'uuid#counter': () => `${WORKER_ID}#${++counter}`,
}
