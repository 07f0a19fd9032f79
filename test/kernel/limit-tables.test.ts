import type { LimitRow } from '@sallyport/sdk/limits'
import { describe, expect, test } from 'vitest'
import { HTTP_LIMIT_ROWS } from '../../kernel/http/limits.ts'
import { LimitBook } from '../../kernel/limit-book.ts'
import { LimitsOfOwners, PLUGIN_LIMIT_ROWS } from '../../kernel/plugin-limits.ts'
import { SANDBOX_LIMIT_ROWS, SANDBOX_LIMITS, toTenantLimits } from '../../sandbox/limits.ts'

const tables = { http: HTTP_LIMIT_ROWS, plugin: PLUGIN_LIMIT_ROWS, sandbox: SANDBOX_LIMIT_ROWS }
const UNITS = {
  ms: /Ms(?:Max)?$/,
  bytes: /Bytes(?:Total)?Max$|BytesPerCall$/,
  characters: /LengthMax$/,
  count: /Max$|PerCall$|AtOnce$|Redirects$|Kept$/,
}

describe.each(Object.entries(tables))('in the %s table', (_, rows) => {
  test.each(Object.entries(rows) as [string, LimitRow][])('%s is complete', (name, row) => {
    expect(name).toMatch(UNITS[row.unit])
    expect(row.reason.length).toBeGreaterThan(5)
    const [least, most] = row.range ?? [row.default, row.default]
    expect(row.default).toBeGreaterThanOrEqual(least)
    expect(row.default).toBeLessThanOrEqual(most)
    if (row.atMost !== undefined) expect(Object.keys(rows)).toContain(row.atMost)
    if (row.tenant) expect(row.range).toBeDefined()
  })
})

test('a name stands in two tables only when it is the same limit', () => {
  const seen = new Map<string, LimitRow>()
  for (const [name, row] of Object.values(tables).flatMap((rows) => Object.entries(rows))) {
    expect(seen.get(name) ?? row).toBe(row)
    seen.set(name, row)
  }
})

describe('a limit that is never above another one', () => {
  const sandbox = [SANDBOX_LIMIT_ROWS]

  test('follows when that one is lowered', () => {
    expect(toTenantLimits(SANDBOX_LIMITS, { guestTurnMs: 30 }).handlerCpuMs).toBe(30)
    const { limits } = new LimitsOfOwners({ fetchRedirectsMax: 1 }, []).of(null)
    expect(limits.fetchRedirects).toBe(1)
  })

  test('may be raised together with it', () => {
    expect(() => new LimitBook(sandbox, { handlerCpuMs: 500, guestTurnMs: 600 })).not.toThrow()
    expect(() => new LimitBook(sandbox, { handlerCpuMs: 700, guestTurnMs: 600 })).toThrow(
      'handlerCpuMs 700: expected at most guestTurnMs, which is 600',
    )
  })
})

test('the CPU that kills a child is at most twice what a handler may count on', () => {
  expect(SANDBOX_LIMITS.killCpuMs).toBe(2 * SANDBOX_LIMITS.handlerCpuMs)
  expect(toTenantLimits(SANDBOX_LIMITS, { handlerCpuMs: 20 }).killCpuMs).toBe(40)
  expect(toTenantLimits(SANDBOX_LIMITS, { guestTurnMs: 20 }).killCpuMs).toBe(40)
})

describe('the wall clock of a handler', () => {
  const tenant = { name: 'red', limits: { handlerTimeoutMs: 100 } }
  const owners = new LimitsOfOwners({ handlerTimeoutMs: 500 }, [tenant as never])

  test.each([
    [null, null, 500],
    [null, 900, 900],
    ['blue', 900, 900],
    ['red', null, 100],
    ['red', 900, 100],
    ['red', 50, 50],
  ])('of tenant %s that asks for %s is %d ms', (name, asked, timeoutMs) => {
    expect(owners.timeoutMsOf(name, asked)).toBe(timeoutMs)
  })
})
