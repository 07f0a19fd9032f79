import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { docsBlocks } from '../scripts/docs-blocks.ts'
import { replaceBlocks } from '../scripts/generated-blocks.ts'
import { checkArchitectureMap } from './tidy/architecture-map.ts'
import { checkBannedCalls } from './tidy/banned-calls.ts'
import { checkBannedPhrases } from './tidy/banned-phrases.ts'
import { checkDefaultExports } from './tidy/default-exports.ts'
import { checkGeneratedDocs } from './tidy/generated-docs.ts'
import { checkImportDirections, DIRECTIONS } from './tidy/import-directions.ts'
import { LINT_SAMPLES, LINT_SUPPORT } from './tidy/lint-samples.ts'
import { lintFiles, readLintRules, toLintCode } from './tidy/lint.ts'
import { checkLinks } from './tidy/links.ts'
import { checkSizes, SIZES } from './tidy/sizes.ts'
import type { TidyFile, Violation } from './tidy/source.ts'
import { checkSuppressions } from './tidy/suppressions.ts'
import { readTree } from './tidy/tree.ts'
import { checkWords, OTHER_WORDS } from './tidy/words.ts'

type Check = (files: readonly TidyFile[]) => Violation[]

const root = join(import.meta.dirname, '..')
const tree = readTree(root)

/** What a check says about planted files, given as path and text. */
function messages(check: Check, files: Readonly<Record<string, string>>): string[] {
  const planted = Object.entries(files).map(([path, text]) => ({ path, text }))
  return check(planted).map(({ path, line, message }) => `${path}:${line} ${message}`)
}

/** One check: silent about the tree, and about each planted pair it says or does not say a thing. */
function guard(name: string, check: Check, prove: () => void): void {
  describe(name, () => {
    it('finds what is planted and nothing else', prove)
    it('finds nothing in the tree', () => {
      const found = check(tree).map(({ path, line, message }) => `${path}:${line} ${message}`)
      expect(found).toEqual([])
    })
  })
}

guard('import directions', checkImportDirections, () => {
  const refused = (path: string, text: string) =>
    expect(messages(checkImportDirections, { [path]: text }), `${path}: ${text}`).toHaveLength(1)
  const allowed = (path: string, text: string) =>
    expect(messages(checkImportDirections, { [path]: text }), `${path}: ${text}`).toEqual([])

  refused('sdk/pdk.ts', "import { a } from '../kernel/errors.ts'")
  refused('sdk/pdk.ts', "export { a } from '../plugins/a.ts'")
  refused('sdk/pdk.ts', "import { readFileSync } from 'node:fs'")
  refused('sdk/pdk.ts', "import { a } from '@sallyport/sdk'")
  allowed('sdk/serve.ts', "import { connect } from 'node:net'")
  allowed('sdk/pdk.ts', "import { a } from './phase.ts'")

  refused('kernel/chain.ts', "import { a } from '../sandbox/limits.ts'")
  refused('kernel/chain.ts', "import type { A } from '../sandbox/limits.ts'")
  refused('kernel/chain.ts', "export * from '../plugins/index.ts'")
  refused('kernel/chain.ts', "const a = await import('../plugins/index.ts')")
  refused('kernel/chain.ts', "let a: import('../plugins/index.ts').A")
  refused('kernel/chain.ts', "new URL('../sandbox/process/child.ts', import.meta.url)")
  refused('kernel/chain.ts', "import { a } from '../sdk/phase.ts'")
  refused('kernel/router/main.ts', "import { a } from '../../sandbox/limits.ts'")
  refused('kernel/chain.ts', "import { a } from '../test/support/a.ts'")
  refused('kernel/chain.ts', "import ivm from 'isolated-vm'")
  allowed('kernel/chain.ts', "import { a } from '@sallyport/sdk/protocol'")
  allowed('kernel/router/trie.ts', "import { a } from '../errors.ts'")
  allowed('kernel/main.ts', "import { a } from '../sandbox/limits.ts'")
  allowed('kernel/main.ts', "import { a } from '../plugins/index.ts'")

  refused('sandbox/limits.ts', "import { a } from '../kernel/plugin-host.ts'")
  refused('sandbox/limits.ts', "import { type A } from '../kernel/plugin-host.ts'")
  refused('sandbox/limits.ts', "import type { A } from '../kernel/errors.ts'")
  refused('sandbox/limits.ts', "import { a } from '../sdk/codec.ts'")
  allowed('sandbox/limits.ts', "import type { A } from '../kernel/plugin-host.ts'")
  allowed('sandbox/process/child.ts', "import ivm from 'isolated-vm'")

  refused('plugins/acl.ts', "import { a } from '../kernel/errors.ts'")
  refused('plugins/acl.ts', "import { createHash } from 'node:crypto'")
  refused('plugins/acl.ts', "import { LRUCache } from 'lru-cache'")
  allowed('plugins/acl.ts', "import { Type } from '@sallyport/sdk'")
  allowed('plugins/index.ts', "import acl from './acl.ts'")

  refused('examples/a/plugin.ts', "import 'node:fs'; export default {}")
  refused('examples/a/start.ts', "import { a } from '../b/start.ts'")
  refused('examples/a/start.ts', "import { a } from '../../kernel/gateway.ts'")
  allowed('examples/a/start.ts', "import { a } from './upstream.ts'; import 'node:http'")
  allowed('examples/a/plugin.ts', "import { a } from '@sallyport/sdk'; export default {}")

  refused('examples/a/index.js', "import 'node:fs'; export default {}")
  refused('sandbox/guest/main.ts', "import { readFileSync } from 'node:fs'")
  refused('scripts/a.ts', "import { a } from '../test/support/a.ts'")
  allowed('examples/a/start.ts', "new URL('../..', import.meta.url)")

  refused('extras/a.ts', 'import "node:fs"')
  allowed('test/a.test.ts', "import { a } from '../kernel/errors.ts'; import 'isolated-vm'")
  // Words in strings and comments are no imports.
  allowed('sdk/pdk.ts', "// import '../kernel/a.ts'\nexport const a = `import '../kernel/a.ts'`")
})

it('import directions name only what exists', () => {
  const gone = Object.keys(DIRECTIONS).filter(
    (row) => !tree.some(({ path }) => path === row || path.startsWith(`${row}/`)),
  )
  expect(gone).toEqual([])
})

guard('sizes', checkSizes, () => {
  const code = (count: number) => 'use()\n'.repeat(count)
  const body = (count: number) => `const f = () => {\n${code(count)}}\n`
  for (const { folder, fileLinesMax, functionLinesMax, countComments } of SIZES) {
    const path = `${folder === '' ? 'kernel/' : folder}a.ts`
    expect(messages(checkSizes, { [path]: `\n${code(fileLinesMax)}` })).toEqual([])
    expect(messages(checkSizes, { [path]: code(fileLinesMax + 1) })).toEqual([
      `${path}:0 the file has ${fileLinesMax + 1} lines; ${fileLinesMax} at most`,
    ])
    const commented = messages(checkSizes, { [path]: `${code(fileLinesMax)}// why\n` })
    expect(commented).toHaveLength(countComments ? 1 : 0)
    const long = messages(checkSizes, { [path]: `\n${body(69)}` })
    expect(long).toHaveLength(functionLinesMax === null ? 0 : 1)
    const fits = body(68).replace('use()', '// why\n\nuse()')
    expect(messages(checkSizes, { [path]: fits })).toEqual([])
  }
  expect(messages(checkSizes, { 'ARCHITECTURE.md': 'a\n'.repeat(300) })).toHaveLength(1)
})

guard('banned calls', checkBannedCalls, () => {
  const lines = (path: string, text: string) => messages(checkBannedCalls, { [path]: text }).length
  for (const folder of ['kernel', 'sandbox', 'sdk', 'plugins']) {
    expect(lines(`${folder}/a.ts`, "console.error('a')")).toBe(1)
  }
  expect(lines('scripts/a.ts', "console.error('a')")).toBe(0)
  expect(lines('kernel/a.ts', "eval('1')\nnew Function('1')\nglobalThis.eval('1')")).toBe(3)
  expect(lines('sandbox/a.ts', "new Function('1')")).toBe(0)
  expect(lines('kernel/router/a.ts', 'process.exit(1)')).toBe(1)
  expect(lines('kernel/main.ts', 'process.exit(1)')).toBe(0)
  expect(lines('plugins/a.ts', 'process.kill(1)')).toBe(1)
  expect(lines('test/a.test.ts', "it.only('a', () => {})")).toBe(1)
  expect(lines('test/a.test.ts', 'expect(Date.now() - a).toBeLessThan(9)')).toBe(1)
  expect(lines('test/a.test.ts', 'const took = performance.now() - a\nexpect(took).toBe(9)')).toBe(
    1,
  )
  expect(lines('test/a.test.ts', 'const at = Date.now()\nexpect(parse(at)).toBe(at)')).toBe(0)
  expect(lines('test/bench/a.ts', 'expect(Date.now() - a).toBe(9)')).toBe(0)
  expect(lines('test/a.test.ts', 'server.listen(8000)')).toBe(1)
  expect(lines('test/a.test.ts', 'server.listen(0)')).toBe(0)
  expect(lines('kernel/a.ts', "// console.log\nexport const a = 'process.exit(1)'")).toBe(0)
})

guard('words', checkWords, () => {
  for (const word of Object.keys(OTHER_WORDS)) {
    const camel = word.replaceAll(/ (\w)/g, (_, letter: string) => letter.toUpperCase())
    const planted = messages(checkWords, { 'kernel/a.ts': `const my_${camel} = 1` })
    expect(planted, word).toHaveLength(1)
  }
  expect(messages(checkWords, { 'sdk/a.ts': 'interface BackendPool { a: 1 }' })).toHaveLength(1)
  const foreign = "import { endpoint as a } from 'x'\nimport { b } from 'y'\nb.endpoint(a)\n"
  expect(messages(checkWords, { 'kernel/a.ts': foreign })).toEqual([])
  expect(messages(checkWords, { 'kernel/a.ts': 'const masterKey = 1, pointEnd = 2' })).toEqual([])
})

guard('default exports', checkDefaultExports, () => {
  const text = 'const a = 1\nexport { a as default }'
  expect(messages(checkDefaultExports, { 'kernel/a.ts': text })).toHaveLength(1)
  expect(messages(checkDefaultExports, { 'plugins/index.ts': text })).toHaveLength(1)
  expect(messages(checkDefaultExports, { 'test/a.test.ts': 'export default {}' })).toHaveLength(1)
  expect(messages(checkDefaultExports, { 'plugins/acl.ts': 'export default {}' })).toEqual([])
  expect(messages(checkDefaultExports, { 'kernel/a.ts': 'export const a = 1' })).toEqual([])
})

guard('map of the folders', checkArchitectureMap, () => {
  const said = (rows: readonly string[], files: Readonly<Record<string, string>>) => {
    const table = rows.map((row) => `| \`${row}\` | what it is |`)
    const map = ['# A', '', '| folder | what |', '|---|---|', ...table, '', '| `cli/` | a |']
    return messages(checkArchitectureMap, { 'ARCHITECTURE.md': map.join('\n'), ...files })
  }
  const files = { 'kernel/a.ts': '', 'kernel/router/b.ts': '', '.ci/run': '' }
  expect(said(['kernel/', 'kernel/router/'], files)).toEqual([])
  expect(said(['kernel/router/'], files)).toEqual(['ARCHITECTURE.md:0 kernel/ is not on the map'])
  expect(said(['kernel/', 'kernel/trie/'], files)).toEqual([
    'ARCHITECTURE.md:6 kernel/trie/ does not exist',
  ])
  expect(messages(checkArchitectureMap, { 'ARCHITECTURE.md': '# A' })).toHaveLength(1)
  expect(messages(checkArchitectureMap, files)).toHaveLength(1)
})

guard(
  'generated docs',
  (files) => checkGeneratedDocs(files, docsBlocks),
  () => {
    const renderers = { colours: () => '| red |\n', sizes: () => '| 1 |' }
    const check: Check = (files) => checkGeneratedDocs(files, renderers)
    const block = (name: string, text: string) =>
      `# A\n\n<!-- generated:${name} -->\n${text}\n<!-- /generated -->\n`
    const good = replaceBlocks(block('colours', 'old') + block('sizes', ''), (name) =>
      name === 'sizes' ? renderers.sizes() : renderers.colours(),
    )
    expect(good).toContain('| red |')
    expect(messages(check, { 'A.md': good })).toEqual([])
    const stale = { 'A.md': good, 'B.md': block('colours', '| blue |') }
    expect(messages(check, stale)).toEqual([
      'B.md:3 "colours" is not up to date: run "npm run docs"',
    ])
    const open = `${good}\n<!-- generated:sizes -->\n| 1 |\n\nmore\n`
    expect(messages(check, { 'A.md': open })).toHaveLength(1)
    expect(messages(check, { 'A.md': good + block('shapes', '') })).toHaveLength(1)
    expect(messages(check, { 'A.md': block('sizes', '| 1 |') })).toEqual([
      'scripts/docs-blocks.ts:0 no page has the block "colours"',
    ])
  },
)

guard('banned phrases', checkBannedPhrases, () => {
  const said = (text: string, path = 'kernel/a.ts') =>
    messages(checkBannedPhrases, { [path]: text })
  for (const text of [
    'see /home/someone/notes',
    'run /work/tree/a.ts',
    'left in /tmp/notes/a',
    'done in an earlier session',
    'what the coding agent found',
    'a helper session wrote it',
    'as issue 12 asks',
    'fixes issue #3',
    'DESIGN section 4 says',
    'install from registry.example.org',
    '  "resolved": "https://example.org/a.tgz"',
    '// TODO: later',
  ]) {
    expect(said(`a\n${text}\n`), text).toHaveLength(1)
  }
  for (const text of [
    'a TLS session is resumed; the session ticket has a lifetime',
    'the helper below counts',
    'nodejs/node issue 1234, https://github.com/nodejs/node/issues/1234',
    'by design it is small',
    '/usr/share/homework/a, a/work/b, /tmp/sallyport-a/b',
    'a TODO-list plugin'.replace('TODO', 'to-do'),
  ]) {
    expect(said(text), text).toEqual([])
  }
  expect(said('reads /root/.ssh/id', 'test/adversary/reads-files.ts')).toEqual([])
})

guard('links', checkLinks, () => {
  const page = { 'docs/A.md': '# The `a` page!\n\n```sh\n# not a heading\n```\n', 'docs/b.ts': '' }
  const said = (text: string) => messages(checkLinks, { ...page, 'B.md': text })
  expect(said('[a](docs/A.md), [a](docs/), [b](./docs/b.ts), [w](https://example.org/)')).toEqual(
    [],
  )
  expect(said('# Here\n\n[a](docs/A.md#the-a-page) and [here](#here)')).toEqual([])
  expect(said('`[a](nowhere.md)`\n\n```\n[a](nowhere.md)\n```\n')).toEqual([])
  expect(said('\n[a](nowhere.md)')).toEqual(['B.md:2 "nowhere.md" leads nowhere'])
  expect(said('[a](docs/A.md#not-a-heading)')).toHaveLength(1)
  expect(said('[a](#there)')).toHaveLength(1)
  expect(messages(checkLinks, { 'kernel/a.ts': '// see NOTHING.md' })).toHaveLength(1)
})

guard('suppressions', checkSuppressions, () => {
  const said = (text: string) => messages(checkSuppressions, { 'kernel/a.ts': `${text}\n` })
  expect(said('// oxlint-disable-next-line no-var')).toHaveLength(1)
  expect(said('/* oxlint-disable */')).toHaveLength(1)
  expect(said('// @ts-ignore because it is so')).toHaveLength(1)
  expect(said('// @ts-expect-error')).toHaveLength(1)
  expect(said('// oxlint-disable-next-line no-var -- the guest needs a global')).toEqual([])
  expect(said('// @ts-expect-error a plugin in JavaScript may do this')).toEqual([])
  expect(said("const a = '// @ts-ignore'")).toEqual([])
})

describe('lint', () => {
  it('has a sample for every rule of the configuration', () => {
    const sampled = new Set(Object.keys(LINT_SAMPLES))
    expect([...readLintRules(root)].filter((rule) => !sampled.has(rule))).toEqual([])
  })

  it('refuses every planted sample and lets the exceptions pass', { timeout: 60_000 }, () => {
    const files: Record<string, string> = { ...LINT_SUPPORT }
    for (const { path, text, allowedAt } of Object.values(LINT_SAMPLES)) {
      files[path] = text
      if (allowedAt !== undefined) files[allowedAt] = text
    }
    const found = lintFiles(root, files)
    const has = (path: string, rule: string) =>
      found.some((each) => each.path === path && each.code === toLintCode(rule))
    const silent = Object.entries(LINT_SAMPLES).filter(([rule, { path }]) => !has(path, rule))
    const noisy = Object.entries(LINT_SAMPLES).filter(
      ([rule, { allowedAt }]) => allowedAt !== undefined && has(allowedAt, rule),
    )
    expect(silent.map(([rule]) => rule)).toEqual([])
    expect(noisy.map(([rule]) => rule)).toEqual([])
  })

  it('has the sizes of the sizes check', () => {
    const text = readFileSync(join(root, '.oxlintrc.json'), 'utf8')
    const sizes = [...text.matchAll(/"max-lines": \["error", \{ "max": (\d+)/g)].map((match) =>
      Number(match[1]),
    )
    expect(new Set(sizes)).toEqual(new Set(SIZES.map(({ fileLinesMax }) => fileLinesMax)))
  })
})
