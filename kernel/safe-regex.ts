import { RE2JS } from 're2js'
import { setFlagsFromString } from 'node:v8'
import { translateRegex } from './regex/translate.ts'
import type { RegexFlags } from './regex/piece.ts'
import type { TranslatedRegex } from './regex/translate.ts'
import { UnsafeRegexError } from './regex/unsafe-regex-error.ts'

export { UnsafeRegexError }

// The linear engine is compiled into V8 but its flag `l` is off. Switching it on changes nothing
// for expressions without that flag.
setFlagsFromString('--enable-experimental-regexp-engine')

/** Longest accepted pattern, in UTF-16 units. Real route patterns stay below 200. */
export const patternLengthMax = 2048
/**
 * Largest automaton, in states after counted repeats are written out. Time is states × input: at
 * this size the worst pattern known takes about 50 µs per input character.
 */
export const patternStatesMax = 1000
/** Most capture groups. Every thread of the automaton carries a copy of the captures. */
export const patternCapturesMax = 32

/**
 * What a match may cost, as characters of the input times the width of the pattern: 5 ms of CPU at
 * about 20 ns for each in V8 and 60 in RE2 (measured). A path of 8 KB may be matched by a pattern with
 * counted repeats of 29 characters in all, a shorter one by more.
 */
const WORK_MAX = { 'v8-linear': 240_000, re2: 80_000 } as const

// Held in a name because linters know only the flags of the standard.
const linearFlag = 'l'

/** What `exec` found. `captures[0]` is the whole match; a group that took no part is undefined. */
export interface SafeMatch {
  readonly index: number
  readonly captures: readonly (string | undefined)[]
  /** Named groups, or null when the pattern has none. Has no prototype. */
  readonly groups: Readonly<Record<string, string | undefined>> | null
}

/**
 * The input is longer than this pattern may look at. Not "no match": who decides by a pattern must not
 * be got around by what is too long for it.
 */
export class RegexInputError extends Error {
  override readonly name = 'RegexInputError'
}

/** A compiled pattern whose running time grows linearly with the input, whatever the pattern. */
export interface SafeRegex {
  /** As it was written by the user. */
  readonly source: string
  readonly engine: 'v8-linear' | 're2'
  /** Text that every match begins with, for an index; '' when nothing is known. */
  readonly prefix: string
  /** Both throw `RegexInputError`. */
  test(input: string): boolean
  exec(input: string): SafeMatch | null
}

export interface SafeRegexLimits {
  readonly patternLengthMax?: number
  readonly patternStatesMax?: number
  readonly patternCapturesMax?: number
}

/**
 * Compiles a regular expression in PCRE or ECMAScript spelling. `flags` may hold `i`, `m`, `s` and
 * `u`. Not anchored: write `^` to anchor. Throws `UnsafeRegexError` when the pattern is broken,
 * over a limit, or not regular (look-around, back-references, recursion).
 */
export function compileSafeRegex(
  source: string,
  flags = '',
  limits: SafeRegexLimits = {},
): SafeRegex {
  const lengthMax = limits.patternLengthMax ?? patternLengthMax
  if (source.length > lengthMax) {
    const shown = source.slice(0, 60)
    const excess = `${source.length} characters long; at most ${lengthMax} are allowed`
    throw new UnsafeRegexError('too-long', `regular expression "${shown}…" is ${excess}`)
  }
  const wanted = parseFlags(source, flags)
  const forV8 = translateRegex(source, wanted, 'v8')
  checkSize(source, forV8, limits)
  if (!forV8.needsRe2) {
    const native = tryLinear(forV8)
    if (native !== null) return new LinearRegex(source, native, forV8)
  }
  const forRe2 = translateRegex(source, wanted, 're2')
  return new Re2Regex(source, compileRe2(source, forRe2), forRe2)
}

/** What both engines have in common: a pattern, and how much it may look at. */
abstract class BoundedRegex implements SafeRegex {
  readonly engine: SafeRegex['engine']
  readonly source: string
  readonly prefix: string
  readonly #inputMax: number

  constructor(
    engine: SafeRegex['engine'],
    source: string,
    { prefix, width }: Pick<TranslatedRegex, 'prefix' | 'width'>,
  ) {
    this.engine = engine
    this.source = source
    this.prefix = prefix
    this.#inputMax = width === 0 ? Infinity : Math.floor(WORK_MAX[engine] / width)
  }

  test(input: string): boolean {
    this.#checkLength(input)
    return this.testAny(input)
  }

  exec(input: string): SafeMatch | null {
    this.#checkLength(input)
    return this.execAny(input)
  }

  /** Of an input that is not too long. */
  protected abstract testAny(input: string): boolean
  protected abstract execAny(input: string): SafeMatch | null

  #checkLength(input: string): void {
    if (input.length <= this.#inputMax) return
    throw new RegexInputError(
      `${input.length} characters are too long for the regular expression ${quote(this.source)}, whose repeats may look at ${this.#inputMax}`,
    )
  }
}

class LinearRegex extends BoundedRegex {
  readonly #regex: RegExp

  constructor(source: string, regex: RegExp, translated: TranslatedRegex) {
    super('v8-linear', source, translated)
    this.#regex = regex
  }

  protected testAny(input: string): boolean {
    return this.#regex.test(input)
  }

  protected execAny(input: string): SafeMatch | null {
    const found = this.#regex.exec(input)
    if (found === null) return null
    return { index: found.index, captures: found, groups: found.groups ?? null }
  }
}

class Re2Regex extends BoundedRegex {
  readonly #regex: RE2JS
  readonly #names: readonly (readonly [string, number])[]

  constructor(source: string, regex: RE2JS, translated: TranslatedRegex) {
    super('re2', source, translated)
    this.#regex = regex
    this.#names = Object.entries(regex.namedGroups())
  }

  protected testAny(input: string): boolean {
    return this.#regex.test(input)
  }

  protected execAny(input: string): SafeMatch | null {
    const matcher = this.#regex.matcher(input)
    if (!matcher.find()) return null
    const captures: (string | undefined)[] = []
    for (let group = 0; group <= matcher.groupCount(); group++) {
      captures.push(matcher.group(group) ?? undefined)
    }
    const index = matcher.start()
    if (this.#names.length === 0) return { index, captures, groups: null }
    const groups: Record<string, string | undefined> = Object.create(null)
    for (const [name, group] of this.#names) groups[name] = captures[group]
    return { index, captures, groups }
  }
}

function parseFlags(source: string, flags: string): RegexFlags {
  for (const flag of flags) {
    if ('imsu'.includes(flag)) continue
    const text = `regular expression ${quote(source)} has the flag "${flag}"; allowed are i, m, s, u`
    throw new UnsafeRegexError('syntax', text)
  }
  return {
    ignoreCase: flags.includes('i'),
    multiline: flags.includes('m'),
    dotAll: flags.includes('s'),
    unicode: flags.includes('u'),
  }
}

function checkSize(source: string, regex: TranslatedRegex, limits: SafeRegexLimits): void {
  const statesMax = limits.patternStatesMax ?? patternStatesMax
  if (regex.states > statesMax) {
    const size = `needs ${regex.states} states once its counted repeats are written out`
    const text = `regular expression ${quote(source)} ${size}; at most ${statesMax} are allowed`
    throw new UnsafeRegexError('too-complex', text)
  }
  const capturesMax = limits.patternCapturesMax ?? patternCapturesMax
  if (regex.captures > capturesMax) {
    const text = `regular expression ${quote(source)} has ${regex.captures} capture groups`
    throw new UnsafeRegexError('too-complex', `${text}; at most ${capturesMax} are allowed`)
  }
}

// V8 refuses what it cannot run in linear time, and also some spellings that RE2 takes: the second
// engine then has the last word, also about what is wrong with the pattern.
function tryLinear(regex: TranslatedRegex): RegExp | null {
  try {
    return new RegExp(regex.source, linearFlag)
  } catch {
    return null
  }
}

function compileRe2(source: string, regex: TranslatedRegex): RE2JS {
  try {
    return RE2JS.compile(regex.source)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    const text = `regular expression ${quote(source)} cannot be compiled: ${reason}`
    throw new UnsafeRegexError('syntax', text)
  }
}

function quote(source: string): string {
  return JSON.stringify(source)
}
