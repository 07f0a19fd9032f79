import { describe, expect, it, onTestFinished } from 'vitest'
import { startTestGateway } from '../support/gateway.ts'
import { startUpstream } from '../support/upstream.ts'

/** A gateway with one service behind these routes; answers what the upstream was asked for. */
async function start(routes: string) {
  const upstream = await startUpstream(({ url }, response) => response.end(url))
  onTestFinished(() => upstream.close())
  const gateway = await startTestGateway({
    yaml: `
_format_version: "3.0"
services:
  - name: main
    url: ${upstream.url}/up
    routes:
${routes}
`,
  })
  onTestFinished(() => gateway.close())
  return async (path: string, headers: Record<string, string> = {}) => {
    const answer = await fetch(gateway.url + path, { headers, redirect: 'manual' })
    const body = await answer.text()
    return answer.status === 200 ? body : answer.status
  }
}

describe('routes of a file that are said by expressions', () => {
  it('take the requests for which they hold, before traditional ones', async () => {
    const ask = await start(`
      - name: traditional
        paths: [/]
        strip_path: false
      - name: canary
        expression: |
          http.path ^= "/shop" &&
          (http.headers.x_canary == "1" || http.queries.canary == "1")
      - name: users
        priority: 10
        expression: 'http.path ~ r#"^/users/[0-9]+"#'
`)
    expect(await ask('/shop/cart')).toBe('/up/shop/cart')
    expect(await ask('/shop/cart', { 'x-canary': '1' })).toBe('/up/cart')
    expect(await ask('/shop/cart?canary=1')).toBe('/up/cart?canary=1')
    expect(await ask('/users/42/orders')).toBe('/up/orders')
    expect(await ask('/users/me/orders')).toBe('/up/users/me/orders')
  })

  it('know the addresses and ports of the connection', async () => {
    const ask = await start(`
      - name: local
        strip_path: false
        expression: net.src.ip in 127.0.0.0/8 && net.src.port > 0 && http.path == "/here"
      - name: far
        strip_path: false
        expression: net.src.ip not in 127.0.0.0/8 && http.path == "/there"
`)
    expect(await ask('/here')).toBe('/up/here')
    expect(await ask('/there')).toBe(404)
  })

  it('see the path as it was normalised, however it is spelled', async () => {
    const ask = await start(`
      - name: admin
        strip_path: false
        expression: http.path ^= "/admin"
`)
    expect(await ask('/%61dmin')).toBe('/up/admin')
    expect(await ask('/x/../admin')).toBe('/up/admin')
    expect(await ask('/public')).toBe(404)
  })

  it('answer a plain request with 426 or a redirect when they are for https only', async () => {
    const ask = await start(`
      - name: strict
        protocols: [https]
        expression: http.path == "/strict"
      - name: kind
        protocols: [https]
        https_redirect_status_code: 308
        expression: http.path == "/kind"
`)
    expect(await ask('/strict')).toBe(426)
    expect(await ask('/kind')).toBe(308)
  })
})

describe('routes of a file with vars', () => {
  it('take only the requests for which those hold as well', async () => {
    const ask = await start(`
      - name: versioned
        paths: [/api]
        vars:
          - [arg_version, "==", v2]
          - [OR, [cookie_plan, "==", gold], [http_x_internal, "~*", "^yes$"]]
      - name: rest
        paths: [/api]
        strip_path: false
`)
    expect(await ask('/api/x?version=v2')).toBe('/up/api/x?version=v2')
    expect(await ask('/api/x?version=v2', { cookie: 'a=b; plan=gold' })).toBe('/up/x?version=v2')
    expect(await ask('/api/x?version=v2', { 'x-internal': 'YES' })).toBe('/up/x?version=v2')
    expect(await ask('/api/x?version=v1', { 'x-internal': 'YES' })).toBe('/up/api/x?version=v1')
  })
})
