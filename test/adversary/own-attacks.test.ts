import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { ATTACKS_ALL, chosen } from './attack-cases.ts'
import { toHandlersSource, toPluginSource } from './attack-source.ts'
import { GatewayUnderAttack } from './gateway-under-attack.ts'
import { OWN_ROWS, type OwnRow } from './own-rows.ts'
import { formatReports } from './report-table.ts'
import { type AttackReport, runAttack } from './run-attack.ts'

const toSource = (name: string, snippet: OwnRow['snippet']): string =>
  typeof snippet === 'string' ? toPluginSource(name, snippet) : toHandlersSource(name, snippet)

describe('an attack of our own, with another tenant under steady traffic', () => {
  const ids = chosen(Object.keys(OWN_ROWS), ['bodies-at-once', 'loop-in-body-filter'])
  const reports: AttackReport[] = []
  let gateway: GatewayUnderAttack

  beforeAll(async () => {
    gateway = await GatewayUnderAttack.start({
      plugins: ids.map((name) => ({
        name,
        source: toSource(name, OWN_ROWS[name]!.snippet),
      })),
    })
  }, 60_000)

  afterAll(async () => {
    if (ATTACKS_ALL) process.stdout.write(`${formatReports(reports)}\n`)
    expect(await gateway.stop()).toEqual([])
  }, 60_000)

  for (const id of ids) {
    const row = OWN_ROWS[id]!
    test(`${id}: ${row.idea}`, async () => {
      const report = await runAttack(gateway, { attack: id, plugin: id, row })
      reports.push(report)
      expect(report.violations).toEqual([])
    }, 120_000)
  }
})
