import { describe, expect, test } from 'vitest'
import { aliasedNodesMax, fileBytesMax, nestingMax } from '../../../kernel/config/read-yaml.ts'
import { errorsOf, loadGood, versioned } from './load.ts'

const billionLaughs = [
  'a: &a [x, x, x, x, x, x, x, x, x, x]',
  ...'bcdefghij'.split('').map((name, index) => {
    const before = 'abcdefghij'[index]
    return `${name}: &${name} [${Array.from({ length: 10 }, () => `*${before}`).join(', ')}]`
  }),
].join('\n')

const chainOfAliases = [
  'a0: &a0 [x]',
  ...Array.from({ length: 2000 }, (_, index) => `a${index + 1}: &a${index + 1} [*a${index}]`),
].join('\n')

const longText = `a: &a ${'x'.repeat(1_000_000)}\nb: [${Array.from({ length: 1000 }, () => '*a').join(', ')}]`

describe('hostile YAML', () => {
  const tooDeep = `the file is nested deeper than ${nestingMax} levels`
  const tooMany = `aliases repeat more than ${aliasedNodesMax} values; write the file with fewer`

  test.each([
    ['an alias bomb', billionLaughs, tooMany],
    ['an alias bomb of one long text', longText, tooMany],
    ['nesting by aliases', chainOfAliases, tooDeep],
    ['a million open brackets', '['.repeat(1_000_000), tooDeep],
    ['many open braces', '{a: '.repeat(5000), tooDeep],
    ['deep lists', `${'- '.repeat(50_000)}a`, tooDeep],
    ['deep maps', Array.from({ length: 3000 }, (_, n) => `${' '.repeat(n)}a:`).join('\n'), tooDeep],
    ['deep keys', '? '.repeat(5000), tooDeep],
    [
      'nesting just over the limit',
      `a: ${'['.repeat(nestingMax)}${']'.repeat(nestingMax)}`,
      tooDeep,
    ],
    ['an anchor that holds its own alias', 'a: &a [*a]', 'the alias "*a" has no anchor before it'],
    ['an alias without an anchor', 'a: *b', 'the alias "*b" has no anchor before it'],
    [
      'a tag',
      'a: !!js/function "x"',
      'not valid YAML: Unresolved tag: tag:yaml.org,2002:js/function',
    ],
    [
      'a binary value',
      'a: !!binary aGk=',
      'not valid YAML: Unresolved tag: tag:yaml.org,2002:binary',
    ],
    ['two documents', 'a: 1\n---\na: 2', 'the file holds more than one YAML document'],
    ['nothing', '', 'the file is empty'],
    ['a key that is a list', '? [a]\n: b', 'a key must be a plain word or a string'],
    [
      'a key that would change prototypes',
      '{"__proto__": {}}',
      'the key "__proto__" is not allowed',
    ],
    ['a merge of a text', '<<: a', '"<<" must name a map or a list of maps'],
  ])('is refused: %s', (_, text, message) => {
    const errors = errorsOf(text)
    expect(errors[0]?.replace(/^kong\.yml:\d+:\d+: /, '')).toBe(message)
  })

  test('is refused with the line of a control character', () => {
    expect(errorsOf('a: 1\nb: \0')).toEqual([
      'kong.yml:2:4: the file holds the control character U+0000; write it as an escape',
    ])
  })

  test('is refused when it is larger than the limit', () => {
    expect(errorsOf(`a: ${' '.repeat(fileBytesMax)}`)).toEqual([
      `kong.yml:1:1: the file is larger than ${fileBytesMax} bytes, which is the limit`,
    ])
  })

  test('is refused with both lines of a key that is there twice', () => {
    expect(errorsOf(versioned('services:\n  - host: a\n    name: b\n    host: c'))).toEqual([
      'kong.yml:5:5: the key "host" is there twice, first in line 3',
    ])
  })

  test('is refused with the line of a syntax error', () => {
    const errors = errorsOf('a: 1\nb: "x\n')
    expect(errors[0]).toMatch(/^kong\.yml:[23]:\d+: not valid YAML: Missing closing "quote/)
  })
})

describe('scalars of YAML 1.1', () => {
  const tagsOf = (text: string) =>
    loadGood(versioned(`services: [{ host: h, tags: [${text}] }]`)).services[0]?.tags

  test.each([
    ['yes, no, on, off, y, n, true'],
    ['0123, 0x1F, 1_000, 1.10, 1e3, .inf, .nan'],
    ['12:30:45, 2001-01-01, ~x'],
  ])('are texts as they were written where texts are wanted: %s', (text) => {
    expect(tagsOf(text)).toEqual(text.split(', '))
  })

  test('are values elsewhere', () => {
    const text = versioned('services: [{ host: h, enabled: off, retries: 0x1F, port: 010 }]')
    expect(loadGood(text).services[0]).toMatchObject({ enabled: false, retries: 31, port: 8 })
  })

  test('that were quoted are texts', () => {
    expect(errorsOf(versioned('services: [{ host: h, enabled: "off" }]'))).toEqual([
      'kong.yml:2:23: service #1: enabled: must be true or false, got "off"',
    ])
  })

  test('that are no finite numbers are no numbers', () => {
    expect(errorsOf(versioned('services: [{ host: h, retries: .inf }]'))).toHaveLength(1)
  })
})
