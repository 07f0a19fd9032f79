import { expect, it } from 'vitest'
import { countTests } from '../../scripts/count-tests.ts'

const file = (status: string, ...tests: string[]) => ({
  name: 'test/a.test.ts',
  status,
  assertionResults: tests.map((each) => ({ status: each })),
})

it('countTests counts every single test by what became of it', () => {
  const testResults = [
    file('passed', 'passed', 'passed', 'skipped'),
    file('failed', 'passed', 'failed', 'failed', 'todo', 'pending'),
  ]
  expect(countTests({ testResults })).toEqual({ passed: 3, failed: 2, skipped: 3 })
})

it('countTests counts a file that does not load, or whose set-up throws, as one failure', () => {
  expect(countTests({ testResults: [file('failed')] })).toEqual({
    passed: 0,
    failed: 1,
    skipped: 0,
  })
  expect(countTests({ testResults: [file('failed', 'skipped', 'skipped')] })).toEqual({
    passed: 0,
    failed: 1,
    skipped: 2,
  })
})
