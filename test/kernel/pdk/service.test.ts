import { describe, expect, it } from 'vitest'
import { ask, startWithPlugins, valuesOf } from '../../support/one-plugin.ts'

describe('the Host that a plugin gives the upstream', () => {
  it.each(['setHeader', 'addHeader'] as const)('by %s is the only one', async (method) => {
    const { gateway, upstream } = await startWithPlugins([
      { access: (pdk) => pdk.service.request[method]('Host', 'other.example:81') },
    ])
    expect((await ask(gateway)).status).toBe(200)
    expect(valuesOf(upstream.seen[0]!.rawHeaders, 'host')).toEqual(['other.example:81'])
  })

  it.each(['', 'a b', 'a/b', 'user@a', 'a, b'])('cannot be "%s"', async (host) => {
    const { gateway, upstream } = await startWithPlugins([
      { access: (pdk) => pdk.service.request.setHeader('Host', host) },
    ])
    expect((await ask(gateway)).status).toBe(500)
    expect(upstream.seen).toEqual([])
  })
})

describe('a header between two hops', () => {
  it.each(['Transfer-Encoding', 'Content-Length', 'connection', 'Expect', 'TE'])(
    '%s cannot be set by a plugin',
    async (name) => {
      const codes: unknown[] = []
      const { gateway } = await startWithPlugins([
        {
          access(pdk) {
            try {
              pdk.service.request.setHeader(name, '1')
            } catch (error) {
              codes.push((error as { code: string }).code)
            }
          },
        },
      ])
      expect((await ask(gateway)).status).toBe(200)
      expect(codes).toEqual(['BAD_ARGUMENT'])
    },
  )
})

describe('clearing an argument of the query', () => {
  it.each([
    ['/?key=1', '/'],
    ['/?a=1&key=2&b=3&key', '/?a=1&b=3'],
    ['/?k%65y=1&a=%20', '/?a=%20'],
    ['/?&a=1&key=2', '/?&a=1'],
    ['/?keys=1', '/?keys=1'],
  ])('makes %s %s', async (path, wanted) => {
    const { gateway, upstream } = await startWithPlugins([
      { access: (pdk) => pdk.service.request.clearQueryArg('key') },
    ])
    await ask(gateway, { path })
    expect(upstream.seen[0]!.url).toBe(wanted)
  })
})
