import { pathToFileURL } from 'node:url'
import { readFileSync } from 'node:fs'

/** The parts of vitest's JSON report that the counting needs. */
export interface TestReport {
  readonly testResults: readonly {
    /** Path of the test file. */
    readonly name: string
    readonly status: string
    readonly assertionResults: readonly { readonly status: string }[]
  }[]
}

export interface TestCounts {
  passed: number
  failed: number
  skipped: number
}

/**
 * Counts single tests. A file that fails as a whole, because it does not load or because its set-up
 * throws, has no failed test in it and still counts as one failure: its tests did not run.
 */
export function countTests(report: TestReport): TestCounts {
  const counts = { passed: 0, failed: 0, skipped: 0 }
  for (const { status, assertionResults } of report.testResults) {
    let failedHere = 0
    for (const test of assertionResults) {
      if (test.status === 'passed') counts.passed += 1
      else if (test.status === 'failed') failedHere += 1
      else counts.skipped += 1
    }
    counts.failed += failedHere === 0 && status !== 'passed' ? 1 : failedHere
  }
  return counts
}

// As a program: `node scripts/count-tests.ts REPORT` prints the three numbers.
if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href) {
  const report = JSON.parse(readFileSync(process.argv[2] ?? '', 'utf8')) as TestReport
  const { passed, failed, skipped } = countTests(report)
  process.stdout.write(`${passed} ${failed} ${skipped}\n`)
}
