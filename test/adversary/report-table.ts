import type { AttackReport } from './run-attack.ts'

/** What was measured, one line for each attack. */
export function formatReports(reports: readonly AttackReport[]): string {
  const rows = reports.map(({ attack, status, answerMs, stretchCpuMs, childMb, victim }) =>
    [
      attack.padEnd(16),
      String(status ?? '-').padStart(6),
      String(answerMs).padStart(9),
      String(stretchCpuMs).padStart(12),
      String(childMb).padStart(8),
      `${victim.served}, longest ${victim.longestMs} ms`,
    ].join(' '),
  )
  return ['attack           status answer ms  stretch CPU child MB victim served', ...rows].join(
    '\n',
  )
}
