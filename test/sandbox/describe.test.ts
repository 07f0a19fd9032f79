import { describe, expect, test } from 'vitest'
import { checkManifest, describePlugin } from '../../sandbox/describe.ts'

const HELLO = `
import { definePlugin, Type } from '@sallyport/sdk'
export default definePlugin({
  name: 'hello',
  version: '1.2.3',
  priority: 1000,
  scopes: { consumer: false },
  config: Type.Object({ greeting: Type.String({ default: 'hello' }) }),
  access(pdk, config) { pdk.response.setHeader('x-greeting', config.greeting) },
  log() {},
})`

describe('describing a plugin', () => {
  test('gives what a gateway must know of it', async () => {
    expect(await describePlugin({ source: HELLO, origin: 'hello.js' })).toEqual({
      name: 'hello',
      version: '1.2.3',
      priority: 1000,
      phases: ['access', 'log'],
      schema: {
        type: 'object',
        required: ['greeting'],
        properties: { greeting: { type: 'string', default: 'hello' } },
      },
      scopes: { consumer: false, route: true, service: true },
    })
  })

  test.each([
    ['a syntax error', 'export default {\n  name: }', /SyntaxError: .*plugin\.js:2/],
    ['no default export', 'export const plugin = {}', /no default export/],
    [
      'another import',
      `import fs from 'node:fs'\nexport default {}`,
      /may import "@sallyport\/sdk" only; this one imports "node:fs"/,
    ],
    ['a throw', `throw new Error('not here')`, /Error: not here/],
    ['an endless loop', 'for (;;);', /within 500 ms|burnt/],
    [
      'an endless loop that no interrupt reaches',
      `Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1)`,
      /burnt|no answer/,
    ],
    [
      'a throw that hangs whoever looks at it',
      `throw new Proxy({}, { get() { for (;;); } })`,
      /burnt|no answer/,
    ],
    [
      'a wait at the top level',
      'await new Promise(() => {}); export default {}',
      /waits at its top level/,
    ],
    [
      'a bad name',
      `export default { name: 'Not Good', version: '1.0.0' }`,
      /plugin name: expected lower-case.*"Not Good"/,
    ],
    [
      'an unknown handler',
      `export default { name: 'a', version: '1.0.0', acces() {} }`,
      /unknown field "acces"/,
    ],
    [
      'a getter that throws',
      `export default { name: 'a', get version() { throw new Error('mine') } }`,
      /mine/,
    ],
    [
      'more than 1 MB',
      `export default {} // ${'x'.repeat(1024 * 1024)}`,
      /1048\d+ bytes long; up to 1048576/,
    ],
  ])('names the file and the reason when it has %s', async (_name, source, reason) => {
    const failure = await describePlugin({ source, origin: '/plugins/p.js' }).catch(
      (error: unknown) => error as Error,
    )
    expect(failure).toBeInstanceOf(Error)
    expect((failure as Error).message).toMatch(/^\/plugins\/p\.js: /)
    expect((failure as Error).message).toMatch(reason)
  })
})

describe('a manifest out of a sandbox', () => {
  const good = {
    name: 'a',
    version: '1.0.0',
    priority: 0,
    phases: ['access'],
    schema: null,
    scopes: { consumer: true, route: true, service: true },
  }

  test('is taken when it is one', () => {
    expect(checkManifest(good)).toEqual(good)
  })

  test.each([
    ['no object', 'x', /no manifest/],
    ['no phases', { ...good, phases: null }, /without phases/],
    ['an unknown phase', { ...good, phases: ['steal'] }, /unknown field "steal"/],
    ['a schema that is a text', { ...good, schema: 'x' }, /config: expected a JSON Schema/],
    ['a priority out of range', { ...good, priority: 1e300 }, /priority/],
    ['an unknown scope', { ...good, scopes: { world: true } }, /scopes\.world/],
  ])('is refused when it has %s', (_name, manifest, reason) => {
    expect(() => checkManifest(manifest)).toThrow(reason)
  })
})
