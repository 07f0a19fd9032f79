import { describe, expect, it } from 'vitest'
import { ask, askAndLeave, startWithPlugins, valuesOf } from '../support/one-plugin.ts'

describe('an answer without a body', () => {
  it('to HEAD tells the length that the upstream told', async () => {
    const { gateway } = await startWithPlugins([], {
      answer: (_request, response) => response.setHeader('Content-Length', '5').end(),
    })
    expect((await ask(gateway, { method: 'HEAD' })).headers['content-length']).toBe('5')
  })

  it('to HEAD tells no length when filters would change it', async () => {
    const { gateway } = await startWithPlugins(
      [{ bodyFilter: (pdk) => pdk.response.setChunk('longer than before') }],
      { answer: (_request, response) => response.setHeader('Content-Length', '5').end() },
    )
    const { status, headers } = await ask(gateway, { method: 'HEAD' })
    expect([status, headers['content-length']]).toEqual([200, undefined])
  })

  it('of 205 is empty, whatever a plugin gave it', async () => {
    const { gateway } = await startWithPlugins([
      { access: (pdk) => pdk.response.exit(205, 'something') },
    ])
    const { status, headers, body } = await ask(gateway)
    expect([status, headers['content-length'], body]).toEqual([205, '0', ''])
  })

  it.each([204, 205, 304])('of %i stays empty when a body filter writes', async (status) => {
    let last = 0
    const { gateway } = await startWithPlugins([
      {
        access: (pdk) => pdk.response.exit(status),
        async bodyFilter(pdk) {
          await Promise.resolve()
          if (pdk.response.isLast()) last++
          pdk.response.setChunk('something')
        },
      },
    ])
    const answer = await ask(gateway)
    expect([answer.status, answer.body, last]).toEqual([status, '', 1])
  })
})

describe('an answer that is buffered for response handlers', () => {
  it('lets go of a client that leaves before it is whole', async () => {
    const { promise: begun, resolve } = Promise.withResolvers<void>()
    const { gateway } = await startWithPlugins([{ response() {} }], {
      answer(_request, response) {
        response.write('a part')
        resolve()
      },
    })
    await askAndLeave(gateway, begun)
    await gateway.logged(1)
    expect(gateway.accessLog[0]!.error).toBe('client-aborted')
    await expect.poll(() => gateway.gateway.status().inFlight).toBe(0)
  })
})

describe('the headers that the gateway adds', () => {
  it('replace what the upstream sends under these names', async () => {
    const { gateway } = await startWithPlugins([], {
      answer(_request, response) {
        response.setHeader('X-Sallyport-Request-Id', 'made up')
        response.setHeader('X-Sallyport-Upstream-Latency', 'made up')
        response.end()
      },
    })
    const { rawHeaders } = await ask(gateway)
    await gateway.logged(1)
    expect(valuesOf(rawHeaders, 'x-sallyport-request-id')).toEqual([
      gateway.accessLog[0]!.request_id,
    ])
    expect(valuesOf(rawHeaders, 'x-sallyport-upstream-latency')).toEqual([
      expect.stringMatching(/^\d+$/),
    ])
  })

  it('leave a plugin its own Server', async () => {
    const { gateway } = await startWithPlugins([
      { access: (pdk) => pdk.response.exit(200, 'x', { Server: 'mine' }) },
    ])
    expect(valuesOf((await ask(gateway)).rawHeaders, 'server')).toEqual(['mine'])
  })
})

describe('a header that was set before there was an answer', () => {
  it('yields to what an exit that comes later says of itself', async () => {
    const { gateway } = await startWithPlugins([
      {
        access(pdk) {
          pdk.response.setHeaders({
            'x-early': '1',
            'x-both': 'early',
            'content-type': 'text/html',
          })
        },
      },
      { access: (pdk) => pdk.response.exit(200, { a: 1 }, { 'x-both': 'exit' }) },
    ])
    const { headers } = await ask(gateway)
    expect(headers['x-early']).toBe('1')
    expect(headers['x-both']).toBe('exit')
    expect(headers['content-type']).toBe('application/json; charset=utf-8')
  })

  it('does not change what an error body is', async () => {
    const { gateway } = await startWithPlugins([
      { rewrite: (pdk) => pdk.response.setHeader('Content-Type', 'text/html') },
      {
        access() {
          throw new Error('broken')
        },
      },
    ])
    const { status, headers } = await ask(gateway)
    expect([status, headers['content-type']]).toEqual([500, 'application/json; charset=utf-8'])
  })
})
