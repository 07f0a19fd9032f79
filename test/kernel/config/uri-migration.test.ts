import { readFileSync } from 'node:fs'
import { describe, expect, test } from 'vitest'
import { migratePath2xTo3x, normaliseRoutePath } from '../../../kernel/config/uri-migration.ts'

interface Row {
  readonly fn: string
  readonly input: { readonly path: string }
  readonly expect: string
}

const file = new URL('../../cases/uri.json', import.meta.url)
const rows = (JSON.parse(readFileSync(file, 'utf8')) as Row[]).filter(
  ({ fn }) => fn === 'migrate_path_2x_to_3x',
)

describe('the migration of paths from 2.x to 3.x', () => {
  test('has recorded cases', () => {
    expect(rows.length).toBeGreaterThan(5)
  })

  test.each(rows.map((row) => [row.input.path, row.expect]))('turns %s into %s', (path, wanted) => {
    expect(migratePath2xTo3x(path)).toBe(wanted)
  })

  test.each([
    ['/', '/'],
    ['/a/../b', '/b'],
    ['/%2fa', '/%2Fa'],
    ['/a.b', '/a.b'],
    ['/a b', '~/a b'],
    ['/users/\\d+', '~/users/\\d+'],
    ['orders', 'orders'],
    ['~/already', '~/already'],
  ])('turns %s into %s as well', (path, wanted) => {
    expect(migratePath2xTo3x(path)).toBe(wanted)
  })
})

describe('the normal form of a configured path', () => {
  test.each([
    ['/é', '/é'],
    ['/%C3%A9', '/é'],
    ['/日本/%e6%9c%ac', '/日本/本'],
    ['/😀', '/😀'],
    ['/\ud800', '/\ufffd'],
    ['/a b', '/a b'],
  ])('of %s is %s', (path, wanted) => {
    expect(normaliseRoutePath(path)).toBe(wanted)
  })
})
