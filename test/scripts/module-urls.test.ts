import { describe, expect, it } from 'vitest'
import { rewriteModuleUrls } from '../../scripts/module-urls.ts'

const rewrite = (text: string) => rewriteModuleUrls('a.js', text)

describe('rewriteModuleUrls', () => {
  it('names the compiled file where a source names a file beside it', () => {
    expect(rewrite("fork(new URL('./child.ts', import.meta.url))")).toBe(
      "fork(new URL('./child.js', import.meta.url))",
    )
  })

  it('rewrites several of them in one file', () => {
    const text = (ending: string) =>
      `const a = new URL("./a.${ending}", import.meta.url)\n` +
      `const b = new URL('../b/guest.${ending}', import.meta.url).pathname\n`
    expect(rewrite(text('ts'))).toBe(text('js'))
  })

  it.each([
    "new URL('./types.d.ts', import.meta.url)",
    "new URL('./a.ts', base)",
    "new URL('https://example.org/a.ts', import.meta.url)",
    "const a = './a.ts'",
    '// new URL("./a.ts", import.meta.url)\nexport {}',
  ])('leaves %s as it is', (text) => {
    expect(rewrite(text)).toBe(text)
  })
})
