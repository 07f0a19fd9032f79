import { isIP, isIPv4, isIPv6 } from 'node:net'
import { quote } from '../config/config-error.ts'
import { networkOf } from './network-of.ts'
import type { Scanner } from './scanner.ts'

/** What stands on the right of an operator. */
export type Literal =
  | { readonly type: 'string' | 'address' | 'block'; readonly value: string }
  | { readonly type: 'integer'; readonly value: number }

export const literalWords: Readonly<Record<Literal['type'], string>> = {
  string: 'a string in double quotes',
  address: 'an IP address like 10.0.0.1 or fd00::1',
  block: 'a block of addresses like 10.0.0.0/8 or fd00::/8',
  integer: 'a whole number',
}

const escapes: Readonly<Record<string, string>> = {
  '"': '"',
  '\\': '\\',
  n: '\n',
  r: '\r',
  t: '\t',
}

export function scanLiteral(scanner: Scanner, wanted: string): Literal {
  if (scanner.sees('r#"')) return { type: 'string', value: scanRawString(scanner) }
  if (scanner.sees('"')) return { type: 'string', value: scanString(scanner) }
  if (scanner.sees("'")) return scanner.fail(`wanted ${wanted}; strings have double quotes, got '`)
  const start = scanner.at
  const word = scanner.take(/[^\s()&|!"]+/y)
  const literal = toAddress(scanner, word, start) ?? toInteger(scanner, word, start)
  if (literal !== null) return literal
  scanner.at = start
  return scanner.fail(`wanted ${wanted}, ${scanner.got()}`)
}

function scanRawString(scanner: Scanner): string {
  const start = scanner.at
  const end = scanner.text.indexOf('"#', start + 3)
  if (end === -1) scanner.fail('this r#" has no "# at its end')
  scanner.at = end + 2
  return scanner.text.slice(start + 3, end)
}

function scanString(scanner: Scanner): string {
  const start = scanner.at
  let value = ''
  scanner.at++
  while (!scanner.skip('"')) {
    if (scanner.isAtEnd) scanner.fail('this string has no " at its end', start)
    if (scanner.skip('\\')) value += scanEscape(scanner)
    else value += scanner.take(/[^"\\]+/y)
  }
  return value
}

function scanEscape(scanner: Scanner): string {
  const letter = scanner.text[scanner.at] ?? ''
  const char = escapes[letter]
  scanner.at++
  if (char !== undefined) return char
  const wanted = String.raw`a string knows \", \\, \n, \r and \t`
  return scanner.fail(
    `${wanted}, got "\\${letter}"; write regular expressions as r#"..."#`,
    scanner.at - 2,
  )
}

function toAddress(scanner: Scanner, word: string, start: number): Literal | null {
  // A zone belongs to one machine's interfaces.
  if (word.includes('%')) return null
  const slash = word.indexOf('/')
  if (slash === -1) return isIP(word) === 0 ? null : { type: 'address', value: word }
  const address = word.slice(0, slash)
  const bits = word.slice(slash + 1)
  const bitsMax = isIPv4(address) ? 32 : isIPv6(address) ? 128 : -1
  if (bitsMax === -1) return null
  if (!/^[0-9]{1,3}$/.test(bits) || Number(bits) > bitsMax) {
    scanner.fail(`a block has 0 to ${bitsMax} bits, got ${quote(word)}`, start)
  }
  const network = `${networkOf(address, Number(bits))}/${Number(bits)}`
  const isNetwork = networkOf(address, bitsMax) === networkOf(address, Number(bits))
  if (!isNetwork) {
    scanner.fail(
      `a block has no bits set behind its first ${bits}: wanted ${network}, got ${word}`,
      start,
    )
  }
  return { type: 'block', value: word }
}

const integerPattern = /^(-?)(0x[0-9a-fA-F]+|[0-9]+)$/
const integerMax = 2n ** 63n - 1n

function toInteger(scanner: Scanner, word: string, start: number): Literal | null {
  const found = integerPattern.exec(word)
  if (found === null) return null
  const [, sign, digits = ''] = found
  const isOctal = /^0[0-9]/.test(digits)
  if (isOctal && /[89]/.test(digits)) {
    scanner.fail(`a number that starts with 0 is octal, without 8 and 9, got ${word}`, start)
  }
  const value = BigInt(isOctal ? `0o${digits.slice(1)}` : digits)
  if (value > integerMax) scanner.fail(`a whole number has 64 bits, got ${quote(word)}`, start)
  // What a request has to compare is far below where a double stops being exact.
  return { type: 'integer', value: sign === '-' ? -Number(value) : Number(value) }
}
