/**
 * How a finding is to be taken:
 * `ok`       as it should be;
 * `skipped`  nobody looked, and why is said;
 * `warning`  it works, and could be safer or better;
 * `problem`  a tenant could not start, or something that was configured cannot work.
 */
export type Mark = 'ok' | 'skipped' | 'warning' | 'problem'

/** Parts of the report, in its order, with their headings. */
export const SECTIONS = {
  machine: 'This machine',
  sandbox: 'Around a sandbox host',
  abilities: 'What a sandbox host could do when it tried',
  tenants: 'Plugins of tenants',
  configuration: 'What is configured',
} as const
export type Section = keyof typeof SECTIONS

/** One line of the report; plain data. */
export interface Finding {
  readonly section: Section
  readonly name: string
  readonly mark: Mark
  /** What was found. */
  readonly text: string
  /** What to do next; a problem always has one. */
  readonly step: string | null
}

/** What was looked at and said of it; the section is the caller's. */
export type Told = Omit<Finding, 'section'>

export const ok = (name: string, text: string): Told => ({ name, mark: 'ok', text, step: null })

export const skipped = (name: string, text: string, step: string | null = null): Told => ({
  name,
  mark: 'skipped',
  text,
  step,
})

export const warning = (name: string, text: string, step: string | null): Told => ({
  name,
  mark: 'warning',
  text,
  step,
})

export const problem = (name: string, text: string, step: string): Told => ({
  name,
  mark: 'problem',
  text,
  step,
})

/** The report as one object, for programs. */
export interface DoctorReport {
  /** No finding is a problem. */
  readonly ok: boolean
  readonly problems: number
  readonly warnings: number
  readonly findings: readonly Finding[]
}

export function toReport(findings: readonly Finding[]): DoctorReport {
  const count = (mark: Mark) => findings.filter((finding) => finding.mark === mark).length
  const problems = count('problem')
  return { ok: problems === 0, problems, warnings: count('warning'), findings }
}

/** In capitals what must not be overlooked. */
const SHOWN: Readonly<Record<Mark, string>> = {
  ok: 'ok',
  skipped: '-',
  warning: 'warning',
  problem: 'PROBLEM',
}

/** The report as a table, for people. */
export function toTable({ problems, warnings, findings }: DoctorReport): string {
  const nameWidth = Math.max(...findings.map(({ name }) => name.length))
  const markWidth = Math.max(...Object.values(SHOWN).map((shown) => shown.length))
  const indent = ' '.repeat(2 + markWidth + 2 + nameWidth + 2)
  const parts = Object.entries(SECTIONS).flatMap(([section, heading]) => {
    const rows = findings.filter((finding) => finding.section === section)
    if (rows.length === 0) return []
    const lines = rows.flatMap(({ mark, name, text, step }) => [
      `  ${SHOWN[mark].padEnd(markWidth)}  ${name.padEnd(nameWidth)}  ${toOneLine(text)}`,
      ...(step === null ? [] : [`${indent}next: ${step}`]),
    ])
    return [`${heading}\n${lines.join('\n')}\n`]
  })
  return `${parts.join('\n')}\n${countOf(problems, 'problem')}, ${countOf(warnings, 'warning')}\n`
}

export const countOf = (count: number, word: string) => `${count} ${word}${count === 1 ? '' : 's'}`

/** What others have said may have several lines. */
function toOneLine(text: string): string {
  return text
    .split('\n')
    .map((line) => line.trim())
    .filter((line) => line !== '')
    .join(' | ')
}
