import { PDK_MEMBERS } from '@sallyport/sdk'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ATTACKS_ALL, attackCase, CODE_CASES, chosen } from './attack-cases.ts'
import { ATTACK_ROWS } from './attack-rows.ts'
import { ATTACKER_PERMISSIONS, HARMLESS, toPluginSource } from './attack-source.ts'
import { GatewayUnderAttack } from './gateway-under-attack.ts'
import { formatReports } from './report-table.ts'
import { type AttackReport, runAttack } from './run-attack.ts'

/** One of each way in which an attack ends, and those that have requests of their own. */
const SLICE = ['ESC-03', 'ESC-15', 'CPU-10', 'MEM-05', 'MEM-10', 'IO-03', 'XT-01']

const toName = (id: string): string => id.toLowerCase()
const isMissing = (member: string | undefined): boolean =>
  member !== undefined && !(member in PDK_MEMBERS)

test('every attack by code has a row that says what becomes of it', () => {
  expect(Object.keys(ATTACK_ROWS).toSorted()).toEqual(CODE_CASES.map(({ id }) => id).toSorted())
})

describe('in the process tier, with another tenant under steady traffic', () => {
  const ids = chosen(
    CODE_CASES.map(({ id }) => id),
    SLICE,
  )
  const reports: AttackReport[] = []
  let gateway: GatewayUnderAttack

  beforeAll(async () => {
    gateway = await GatewayUnderAttack.start({
      plugins: [
        { name: 'harmless', source: toPluginSource('harmless', HARMLESS) },
        ...ids.map((id) => ({
          name: toName(id),
          source: toPluginSource(toName(id), attackCase(id).snippet),
          granted: ATTACKER_PERMISSIONS,
        })),
      ],
    })
  }, 60_000)

  afterAll(async () => {
    if (ATTACKS_ALL) process.stdout.write(`${formatReports(reports)}\n`)
    expect(await gateway.stop()).toEqual([])
  }, 60_000)

  test('a harmless plugin in the same place runs and answers', async () => {
    const row = { answer: { status: [200], body: /^harmless 7$/ } }
    const report = await runAttack(gateway, { attack: 'harmless', plugin: 'harmless', row })
    expect(report.violations).toEqual([])
    reports.push(report)
  })

  for (const id of ids) {
    const row = ATTACK_ROWS[id]!
    const reason = isMissing(row.needs) ? ` (the PDK has no ${row.needs} yet)` : ''
    test.skipIf(reason !== '')(
      `${id}: ${attackCase(id).idea}${reason}`,
      async () => {
        const report = await runAttack(gateway, { attack: id, plugin: toName(id), row })
        reports.push(report)
        if (row.gap === undefined) expect(report.violations).toEqual([])
        else {
          expect(
            report.violations,
            'it is contained now: its gap can be taken from the table',
          ).toHaveLength(1)
        }
      },
      120_000,
    )
  }
})
