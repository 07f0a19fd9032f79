import { readFileSync } from 'node:fs'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RegexInputError, UnsafeRegexError, compileSafeRegex } from '../../kernel/safe-regex.ts'
import type { SafeRegex } from '../../kernel/safe-regex.ts'

const hostilePatterns = [
  '(a+)+$',
  '^(a+)+$',
  '^([a-z]{1,64})+$',
  '(a|a)*b',
  '^(?:a?){30}a{30}b$',
  '(a|aa)+$',
  '(.*a){12}x',
  '^(.*?,){11}P',
  '([a-zA-Z]+)*[0-9]',
  '^((a{1,8}){1,8})+$',
  '(?:(?:(?:a*)*)*)*b',
  '^(?:(a{1,20}){1,20})+$',
]
const hostileInputs = ['a'.repeat(8191) + '!', 'a,'.repeat(4096), 'aA'.repeat(4096)]

// Backtracking would need longer than the age of the universe here, so that a second of CPU is
// a bound that no busy machine fails by accident.
const cpuSecondsMax = 1

describe('safe regex against patterns made to explode', () => {
  for (const flags of ['', 'i', 'u', 'iu']) {
    for (const pattern of hostilePatterns) {
      it(`answers for /${pattern}/${flags} on 8 KB within ${cpuSecondsMax} s of CPU`, () => {
        const regex = compileSafeRegex(pattern, flags)
        for (const input of hostileInputs) {
          const before = process.cpuUsage()
          attempt(() => regex.test(input))
          attempt(() => regex.exec(input))
          const used = process.cpuUsage(before)
          expect((used.user + used.system) / 1e6).toBeLessThan(cpuSecondsMax)
        }
      })
    }
  }

  it('answers in time for the largest automaton that is allowed, in either engine', () => {
    const native = compileSafeRegex(`^(?:${'a?'.repeat(498)})*b$`)
    const re2 = compileSafeRegex(`^(?:(?:(a?)|c){1,140})*b$`)
    expect([native.engine, re2.engine]).toEqual(['v8-linear', 're2'])
    for (const regex of [native, re2]) {
      const before = process.cpuUsage()
      // As much as it may look at.
      expect(regex.exec('a'.repeat(50))).toBeNull()
      expect(() => regex.exec('a'.repeat(8192))).toThrow(RegexInputError)
      const used = process.cpuUsage(before)
      expect((used.user + used.system) / 1e6).toBeLessThan(3 * cpuSecondsMax)
    }
  })
})

/** Whether it answered; false when the input was too long for the pattern. */
function attempt(match: () => unknown): boolean {
  try {
    match()
    return true
  } catch (error) {
    if (!(error instanceof RegexInputError)) throw error
    return false
  }
}

describe('what a match may cost', () => {
  it.each([
    ['(a+)+$', 32 * 1024],
    ['(a|aa)+$', 32 * 1024],
    ['^/users/[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$', 7_000],
    ['^([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\\.)+$', 3_000],
    ['(?i)windows|linux|os\\s+x\\s*[\\d\\._]+|solaris|bsd', 32 * 1024],
    ['^(?:[a-f0-9]{1,4}:){7}[a-f0-9]{1,4}$', 5_000],
  ])('lets /%s/ look at %i characters', (pattern, length) => {
    expect(compileSafeRegex(pattern).test('a'.repeat(length))).toBe(
      pattern.endsWith('+$') && length > 9_000,
    )
  })

  it.each([
    ['^([a-z]{1,64})+$', ''],
    ['^((a{1,8}){1,8})+$', ''],
    ['^((a{1,8}){1,8})+$', 'i'],
    ['^(?:(a{1,20}){1,20})+$', 'u'],
    [`^(?:${Array.from({ length: 30 }, (_, i) => 'a'.repeat(i + 1)).join('|')})*$`, ''],
    [`^${'a*'.repeat(60)}$`, ''],
  ])('says so when 8 KB are too much for /%s/%s, also when they match', (pattern, flags) => {
    const regex = compileSafeRegex(pattern, flags)
    for (const input of ['a'.repeat(8192), `${'a'.repeat(8191)}!`]) {
      expect(() => regex.test(input)).toThrow(RegexInputError)
      expect(() => regex.exec(input)).toThrow(/8192 characters are too long for/)
    }
    expect(regex.test('a'.repeat(150))).toBe(true)
  })
})

describe('safe regex refuses', () => {
  const refused: [string, string, RegExp][] = [
    ['(?=a)a', 'look-around', /look-around/],
    ['(?!a)b', 'look-around', /look-around/],
    ['(?<=a)b', 'look-around', /look-around/],
    ['(?<!a)b', 'look-around', /look-around/],
    ['(a)\\1', 'back-reference', /back-references/],
    ['(?<x>a)\\k<x>', 'back-reference', /back-references/],
    ['(?P<x>a)(?P=x)', 'back-reference', /back-references/],
    ['(a)\\g{1}', 'back-reference', /back-references/],
    ['(a(?R)?b)', 'recursion', /recursion/],
    ['(a)(?1)', 'recursion', /recursion/],
    ['a++a', 'atomic', /possessive/],
    ['(?>a|ab)c', 'atomic', /atomic/],
    ['(?x) a b', 'unsupported', /inline flag "x"/],
    ['a\\yb', 'unsupported', /\\y/],
    ['(*UTF)a', 'unsupported', /verbs/],
    ['(a', 'syntax', /closing "\)"/],
    ['a)', 'syntax', /closes no group/],
    ['[a', 'syntax', /closing "\]"/],
    ['[z-a]', 'syntax', /backwards/],
    ['a{3,1}', 'syntax', /backwards/],
    ['*a', 'syntax', /nothing for "\*"/],
    ['a**', 'syntax', /follows another repeat/],
    ['a\\', 'syntax', /backslash at the end/],
    ['[[:nope:]]', 'syntax', /\[:nope:\]/],
    ['(?<a>x)(?<a>y)', 'syntax', /cannot be compiled/],
    ['a'.repeat(2049), 'too-long', /2049 characters/],
    ['(?:x{100}){100}', 'too-complex', /states/],
    ['('.repeat(33) + 'a' + ')'.repeat(33), 'too-complex', /33 capture groups/],
    ['(?:'.repeat(101) + 'a' + ')'.repeat(101), 'too-complex', /deeper than 100/],
  ]
  for (const [pattern, reason, text] of refused) {
    it(`${pattern.slice(0, 24)} as ${reason} and says why`, () => {
      const error = refusalOf(pattern)
      expect(error.reason).toBe(reason)
      expect(error.message).toMatch(text)
      expect(error.message).toContain(JSON.stringify(pattern.slice(0, 40)).slice(1, -1))
    })
  }

  it('flags that it does not know', () => {
    expect(() => compileSafeRegex('a', 'y')).toThrow('the flag "y"')
  })

  it('what is over a limit given by the caller', () => {
    expect(() => compileSafeRegex('abcd', '', { patternLengthMax: 3 })).toThrow(UnsafeRegexError)
    expect(() => compileSafeRegex('a{9}', '', { patternStatesMax: 8 })).toThrow(UnsafeRegexError)
    expect(() => compileSafeRegex('(a)(b)', '', { patternCapturesMax: 1 })).toThrow(
      UnsafeRegexError,
    )
  })
})

describe('safe regex reads PCRE spelling', () => {
  const spelled: [string, string, string | null][] = [
    ['(?i)^/Foo', '/fOO', '/fOO'],
    ['(?i:a)b', 'Ab', 'Ab'],
    ['(?i:a)b', 'AB', null],
    ['a(?i)b', 'aB', 'aB'],
    ['[]a]+', 'a]', 'a]'],
    ['[^]a]+', 'b]', 'b'],
    ['[[:alpha:]_-]+', 'a_-1', 'a_-'],
    ['[[:^digit:]]+', 'ab1', 'ab'],
    ['[^/]++/b', 'aa/b', 'aa/b'],
    ['(?>[^/]+)/b', 'aa/b', 'aa/b'],
    ['^[a-z]++$', 'abc', 'abc'],
    ['a{,3}', 'a{,3}', 'a{,3}'],
    ['^*a', 'a', 'a'],
    ['\\Qa.b\\E', 'a.b', 'a.b'],
    ['\\Qa.b\\E', 'axb', null],
    ['\\x{e9}\\x41', 'éA', 'éA'],
    ['\\u00e9', 'é', 'é'],
    ['\\h+', 'a \tb', ' \t'],
    ['a\\Rb', 'a\r\nb', 'a\r\nb'],
    ['a(?#comment)b', 'ab', 'ab'],
    ['(?m)^b$', 'a\nb\nc', 'b'],
    ['a.b', 'a\nb', null],
    ['(?s)a.b', 'a\nb', 'a\nb'],
    ['a.b', 'a\rb', 'a\rb'],
    ['\\Aab\\z', 'ab', 'ab'],
    ['^.$', '😀', null],
    ['(?:😀){2}', '😀😀', '😀😀'],
    ['\\p{Lu}+', 'aÉB', 'ÉB'],
    ['[\\w.-]+@', 'a.b-c@x', 'a.b-c@'],
    ['x{0}y', 'xy', 'y'],
  ]
  for (const [pattern, input, expected] of spelled) {
    it(`${pattern} on ${JSON.stringify(input)}`, () => {
      const regex = compileSafeRegex(pattern)
      expect(regex.exec(input)?.captures[0] ?? null).toBe(expected)
      expect(regex.test(input)).toBe(expected !== null)
    })
  }

  it('sees whole code points with the flag u', () => {
    expect(compileSafeRegex('^.$', 'u').test('😀')).toBe(true)
    expect(compileSafeRegex('^[^a]$', 'u').test('😀')).toBe(true)
    expect(compileSafeRegex('^\\S$', 'u').test('😀')).toBe(true)
  })

  it('gives named and positional groups in both engines, undefined for a group not taken', () => {
    const native = compileSafeRegex('/(?P<kind>[a-z]+)/(?<id>\\d+)(/x)?')
    const re2 = compileSafeRegex('/(?P<kind>[a-z]+)/(?<id>\\d+)(/x){0,20}')
    expect([native.engine, re2.engine]).toEqual(['v8-linear', 're2'])
    for (const regex of [native, re2]) {
      const found = regex.exec('-/user/42')
      expect(found?.index).toBe(1)
      expect([...(found?.captures ?? [])]).toEqual(['/user/42', 'user', '42', undefined])
      expect({ ...found?.groups }).toEqual({ kind: 'user', id: '42' })
      expect(Object.getPrototypeOf(found?.groups)).toBeNull()
    }
  })

  it('knows the text that every match begins with', () => {
    const prefixOf = (pattern: string) => compileSafeRegex(pattern).prefix
    expect(prefixOf('^(?:/users/\\d+)')).toBe('/users/')
    expect(prefixOf('/a\\.b(/c|/cd)+x')).toBe('/a.b/c')
    expect(prefixOf('/ab?c')).toBe('/a')
    expect(prefixOf('/a{2,3}')).toBe('/a')
    expect(prefixOf('/a|/b')).toBe('/')
    expect(prefixOf('(?i)/a')).toBe('/')
    expect(prefixOf('.*')).toBe('')
  })

  it('keeps ordinary route patterns on the fast engine', () => {
    const patterns = [
      '(?i)/status/(re|\\d+)',
      '/v\\d{1,3}/[^/]{1,64}/?$',
      '/[a-f0-9]{8}-[a-f0-9]{4}',
    ]
    for (const pattern of patterns) expect(compileSafeRegex(pattern).engine).toBe('v8-linear')
  })
})

describe('safe regex means what the language means', () => {
  it('agrees with an ordinary RegExp on generated patterns and inputs', () => {
    fc.assert(
      fc.property(
        patternArbitrary,
        inputArbitrary,
        fc.constantFrom('', 'i'),
        (source, input, flags) => {
          const regex = compiledIfSmall(source, flags)
          fc.pre(regex !== null)
          const found = regex.exec(input)
          expect((found?.captures[0] ?? regex.prefix).startsWith(regex.prefix)).toBe(true)
          const expected = new RegExp(source, flags).exec(input)
          expect(found === null ? null : [found.index, found.captures[0]]).toEqual(
            expected === null ? null : [expected.index, expected[0]],
          )
        },
      ),
      { numRuns: 3000 },
    )
  })

  it('never throws anything but its own error, whatever the text', () => {
    const letter = fc.constantFrom(...'ab(){}[]|?*+.^$\\-,:<>=!Pi12dQEpx#é😀'.split(''))
    fc.assert(
      fc.property(fc.array(letter, { maxLength: 24 }), (letters) => {
        expect(surpriseOf(letters.join(''))).toBeNull()
      }),
      { numRuns: 5000 },
    )
  })
})

// The flag of V8 is process-wide: this says that the module switches it on itself.
it('the linear engine is switched on by the module alone', () => {
  const own = readFileSync(new URL('../../kernel/safe-regex.ts', import.meta.url), 'utf8')
  expect(own).toContain('--enable-experimental-regexp-engine')
  expect(process.execArgv.join(' ')).not.toContain('experimental-regexp')
  expect(compileSafeRegex('a+').engine).toBe('v8-linear')
})

function refusalOf(pattern: string): UnsafeRegexError {
  try {
    compileSafeRegex(pattern)
  } catch (error) {
    if (error instanceof UnsafeRegexError) return error
    throw error
  }
  throw new Error(`${pattern} was accepted`)
}

function compiledIfSmall(source: string, flags: string): SafeRegex | null {
  try {
    return compileSafeRegex(source, flags)
  } catch (error) {
    if (error instanceof UnsafeRegexError && error.reason === 'too-complex') return null
    throw error
  }
}

function surpriseOf(pattern: string): unknown {
  try {
    compileSafeRegex(pattern).exec('ab(1)')
    return null
  } catch (error) {
    return error instanceof UnsafeRegexError ? null : error
  }
}

const atomArbitrary = fc.constantFrom('a', 'b', 'B', '[ab]', '[^a]', '\\d', '\\w', '.', '1')
const quantifierArbitrary = fc.constantFrom(
  '',
  '',
  '*',
  '+',
  '?',
  '*?',
  '+?',
  '{2}',
  '{1,3}',
  '{0,20}',
)
const patternArbitrary = fc.letrec<{ node: string }>((tie) => ({
  node: fc.oneof(
    { maxDepth: 3 },
    fc.tuple(atomArbitrary, quantifierArbitrary).map(([atom, times]) => atom + times),
    fc.tuple(tie('node'), tie('node')).map(([left, right]) => left + right),
    fc.tuple(tie('node'), tie('node')).map(([left, right]) => `(?:${left}|${right})`),
    fc
      .tuple(fc.constantFrom('a', 'b', '1'), tie('node'), quantifierArbitrary)
      .map(([first, rest, times]) => `(${first}${rest})${times}`),
  ),
})).node
const inputArbitrary = fc
  .array(fc.constantFrom('a', 'b', 'A', 'B', '1', '-'), { maxLength: 24 })
  .map((letters) => letters.join(''))
