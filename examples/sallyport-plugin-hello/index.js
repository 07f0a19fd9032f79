import { definePlugin, Type } from '@sallyport/sdk'

export default definePlugin({
  name: 'hello',
  version: '1.0.0',
  priority: 1000,
  config: Type.Object({ greeting: Type.String({ default: 'hello' }) }),
  access(pdk, config) {
    if (pdk.request.getHeader('x-blocked')) return pdk.response.exit(403, { message: 'blocked' })
    pdk.response.setHeader('x-greeting', config.greeting)
  },
})
