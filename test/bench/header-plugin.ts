import { definePlugin } from '@sallyport/sdk'

/** The work of the rows "header plugin": read one request header, set one header of the answer. */
export default definePlugin({
  name: 'bench-header',
  version: '1.0.0',
  priority: 1000,
  access(pdk) {
    pdk.response.setHeader('x-bench', pdk.request.getHeader('host') ?? 'none')
  },
})
