import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { splitPort } from '../../../kernel/router/split-port.ts'
import { cutQuery, escapePath, normalisePath, sanitisePostfix } from '../../../kernel/router/uri.ts'

interface UriCase {
  readonly fn: string
  readonly input: {
    readonly uri: string
    readonly merge_slashes: boolean
    readonly postfix: string
    readonly name: string
    readonly default_port?: number
  }
  readonly expect: unknown
}

const cases: readonly UriCase[] = JSON.parse(
  readFileSync(new URL('../../cases/uri.json', import.meta.url), 'utf8'),
)

const functions: Readonly<Record<string, (input: UriCase['input']) => unknown>> = {
  normalize: (input) => normalisePath(input.uri, { mergeSlashes: input.merge_slashes }),
  escape: (input) => escapePath(input.uri),
  sanitize_uri_postfix: (input) => sanitisePostfix(input.postfix),
  strip_uri_args: (input) => normalisePath(cutQuery(input.uri)),
  split_port: (input) => {
    const { hostname, hostWithPort, hadPort } = splitPort(input.name, input.default_port)
    return { host: hostname, host_with_port: hostWithPort, had_port: hadPort }
  },
}

describe('recorded uri cases', () => {
  // Migrating paths of old files is not the router's.
  const ours = cases.filter(({ fn }) => fn !== 'migrate_path_2x_to_3x')
  it('are there', () => expect(ours.length).toBeGreaterThan(70))
  for (const { fn, input, expect: expected } of ours) {
    it(`${fn} ${JSON.stringify(input)}`, () => {
      expect(functions[fn]?.(input)).toEqual(expected)
    })
  }
})

describe('normalisePath', () => {
  const rows: [string, string, string][] = [
    ['keeps bytes that are no UTF-8 percent-encoded', '/a%ff%FEb', '/a%FF%FEb'],
    ['does not read an overlong dot', '/%c0%ae%c0%ae/a', '/%C0%AE%C0%AE/a'],
    ['decodes UTF-8 that was sent unencoded', '/endel\u00c3\u00b8st', '/endeløst'],
    ['decodes UTF-8 that was sent half encoded', '/\u00c3%b8', '/ø'],
    ['encodes a lone byte that was sent unencoded', '/a\u00f8b', '/a%F8b'],
    ['decodes once only', '/%252e%252e/a', '/%252e%252e/a'],
    ['makes no new escape out of a stray percent sign', '/%2%65%2%65/a', '/%2%65%2%65/a'],
    ['makes no new escape out of two digits', '/%%32%65/a', '/%%32e/a'],
    ['leaves dots inside segments', '/a.b/..c/...', '/a.b/..c/...'],
    ['does not climb above the root', '/../../a', '/a'],
    ['keeps an encoded slash as part of its segment', '/a%2f../b', '/a%2F../b'],
    ['decodes astral characters', '/%F0%9F%98%80', '/😀'],
    ['splits broken UTF-8 at the right place', '/%F0%9F%98/%C3%B8', '/%F0%9F%98/ø'],
  ]
  for (const [what, path, expected] of rows) {
    it(what, () => expect(normalisePath(path)).toBe(expected))
  }

  const piece = fc.constantFrom('/', '.', '..', '%2e', '%2F', '%2', '%', 'a', '65', '%65', '%c3%b8')
  const pathArbitrary = fc.array(piece, { maxLength: 16 }).map((pieces) => `/${pieces.join('')}`)

  it('leaves no dot segment, and nothing that decodes to one, and no double slash', () => {
    fc.assert(
      fc.property(pathArbitrary, (path) => {
        const segments = normalisePath(path).slice(1).split('/')
        const decoded = segments.map((segment) => segment.replaceAll(/%2e/gi, '.'))
        expect(decoded.filter((segment) => segment === '.' || segment === '..')).toEqual([])
        expect(segments.slice(0, -1)).not.toContain('')
      }),
      { numRuns: 3000 },
    )
  })

  it('changes nothing the second time, and neither does sending the result upstream', () => {
    fc.assert(
      fc.property(pathArbitrary, (path) => {
        const escaped = escapePath(normalisePath(path))
        expect(escapePath(normalisePath(escaped))).toBe(escaped)
        expect(escaped).toMatch(/^[\x21-\x7e]*$/)
      }),
      { numRuns: 3000 },
    )
  })
})

describe('escapePath', () => {
  it('returns a path that needs nothing as it is and encodes control characters', () => {
    expect(escapePath('/a/b')).toBe('/a/b')
    expect(escapePath('/a\r\nb\u0000')).toBe('/a%0D%0Ab%00')
  })
})
