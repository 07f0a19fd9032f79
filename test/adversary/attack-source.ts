/** What an attacker may do: everything that could be granted without naming a private address. */
export const ATTACKER_PERMISSIONS = { http: ['*:*'], cache: true } as const

/** A handler that does nothing to anybody: what stands in the attacker's place in a positive control. */
export const HARMLESS = `return { status: 200, body: 'harmless ' + ctx.request.headers['x-n'] }`

/**
 * A plugin whose `access` runs the body of an `onRequest(ctx)`, or whose module runs it when it begins
 * with `//@module`. What it returns becomes the answer, or a change of the request. A request with
 * `X-Calm` is answered without the attack: it tells whether the place is served at all.
 */
export function toPluginSource(name: string, snippet: string): string {
  const isModule = snippet.startsWith('//@module')
  return `${isModule ? snippet : ''}
async function onRequest(ctx) {
${isModule ? '' : snippet}
}
export default {
  name: '${name}',
  version: '1.0.0',
  permissions: ${JSON.stringify(ATTACKER_PERMISSIONS)},
  config: {
    type: 'object',
    properties: {
      tenant: { type: 'string', default: '' },
      secret: { type: 'string', default: '' },
      limits: { type: 'object', properties: { timeoutMs: { type: 'number', default: 50 } }, default: {} },
    },
  },
  async access(pdk, config) {
    const headers = pdk.request.getHeaders()
    const seen = JSON.stringify(config)
    if (headers['x-calm'] !== undefined) {
      pdk.response.exit(200, 'calm ' + headers['x-calm'], { 'x-config': seen })
      return
    }
    const hasBody = ${snippet.includes('request.body')} && headers['content-length'] !== undefined
    const body = hasBody ? await pdk.request.getRawBody() : new Uint8Array()
    finish(pdk, await onRequest({
      pdk,
      config,
      request: {
        method: pdk.request.getMethod(),
        path: pdk.request.getPath(),
        headers,
        body: new TextDecoder().decode(body),
      },
      response: { setHeader: (key, value) => pdk.response.setHeader(key, value) },
      log: (...parts) => pdk.log.info(...parts),
      http: pdk.http,
      cache: { set: (key, value, seconds) => pdk.cache.set(key, value, { ttlMs: seconds * 1000 }) },
    }))
  },
}
function finish(pdk, result) {
  if (result === undefined || result === null) return
  const { status, headers, body, request, bodyStream } = result
  if (request !== undefined) {
    if (request.headers !== undefined) pdk.service.request.setHeaders(request.headers)
    if (request.body !== undefined) pdk.service.request.setRawBody(request.body)
    return
  }
  let whole = body
  if (bodyStream !== undefined) {
    whole = ''
    for (let part = bodyStream.next(); !part.done; part = bodyStream.next()) whole += part.value
  }
  if (status === undefined && whole === undefined) {
    if (headers !== undefined) pdk.response.setHeaders(headers)
    return
  }
  pdk.response.exit(status ?? 200, whole, headers)
}
`
}

/** A plugin with these handlers, which leave requests with `X-Calm` alone. */
export function toHandlersSource(name: string, handlers: Readonly<Record<string, string>>): string {
  const fields = Object.entries(handlers).map(
    ([phase, body]) => `async ${phase}(pdk) {
      if (pdk.request.getHeader('x-calm') !== null) return
      ${body}
    },`,
  )
  return `export default {
  name: '${name}',
  version: '1.0.0',
  config: { type: 'object', properties: { tenant: { type: 'string', default: '' } } },
  access(pdk) {
    const calm = pdk.request.getHeader('x-calm')
    if (calm !== null) pdk.response.exit(200, 'calm ' + calm)
  },
  ${fields.join('\n  ')}
}
`
}

/** The plugin of the victim: every answer carries what its own request said. */
export const VICTIM_SOURCE = `
export default {
  name: 'victim',
  version: '1.0.0',
  access(pdk) {
    pdk.ctx.plugin.n = pdk.request.getHeader('x-n')
  },
  headerFilter(pdk) {
    pdk.response.setHeader('x-victim', String(pdk.ctx.plugin.n))
  },
}
`
