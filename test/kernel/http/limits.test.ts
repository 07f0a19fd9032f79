import { expect, test } from 'vitest'
import { createHttpLimits, HTTP_LIMIT_ROWS, type HttpLimits } from '../../../kernel/http/limits.ts'

test('the table of HTTP limits gives each one a unit in its name, a default and a reason', () => {
  for (const [name, row] of Object.entries(HTTP_LIMIT_ROWS)) {
    expect(name).toMatch(/(?:Ms|BytesMax|sMax)$/)
    expect(row.default).toBeGreaterThan(0)
    expect(row.reason.length).toBeGreaterThan(20)
  }
})

test('HTTP limits are the defaults with the changes that were asked for', () => {
  const limits = createHttpLimits({ headersMax: 10 })
  expect(limits.headersMax).toBe(10)
  expect(limits.targetBytesMax).toBe(8192)
})

test.each([
  [{ headersMaximum: 1 }, '"headersMaximum" is not one of the HTTP limits'],
  [{ headersMax: 0 }, 'HTTP limit headersMax is 0: a whole number above 0 is wanted'],
  [{ headersMax: 1.5 }, 'HTTP limit headersMax is 1.5: a whole number above 0 is wanted'],
  [{ headersMax: Number.NaN }, 'HTTP limit headersMax is NaN: a whole number above 0 is wanted'],
])('HTTP limits refuse %j and say why', (changes, message) => {
  expect(() => createHttpLimits(changes as Partial<HttpLimits>)).toThrow(message)
})
