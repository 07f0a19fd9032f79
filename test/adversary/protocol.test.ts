import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { activeLayers } from '../../sandbox/process/layers.ts'
import { thisPlatform } from '../../sandbox/process/platform.ts'
import { ATTACKS_ALL, casesOf, chosen } from './attack-cases.ts'
import type { AttackRow } from './attack-rows.ts'
import { toPluginSource, HARMLESS } from './attack-source.ts'
import { GatewayUnderAttack } from './gateway-under-attack.ts'
import { hasSyscallFilter } from './gateway-tree.ts'
import { PEER_ROWS } from './peer-rows.ts'
import type { Place } from './place.ts'
import { formatReports } from './report-table.ts'
import { type AttackReport, runAttack } from './run-attack.ts'
import { toEnvironment } from './substitution/substitute.ts'

const SLICE = ['PRO-01', 'PRO-09', 'PRO-21', 'many-values']
const PRELOAD = new URL('./substitution/preload.ts', import.meta.url).pathname

/** An attack counts only where a real child would stand, behind all that this machine has. */
async function checkFilter({ gateway }: Place): Promise<string[]> {
  const layers = activeLayers(await thisPlatform())
  if (!layers.some(({ filters }) => filters === true)) return []
  // A spare that is starting has none yet.
  const without = () => gateway.tree.sandboxes.filter((pid) => !hasSyscallFilter(pid))
  for (let tries = 0; tries < 250 && without().length > 0; tries++) await sleep(20)
  return without().map((pid) => `the sandbox ${pid} has no filter of system calls`)
}

test('every attack of the protocol has a row that says what becomes of it', () => {
  const ids = casesOf('protocol').map(({ id }) => id)
  expect(Object.keys(PEER_ROWS)).toEqual(expect.arrayContaining(ids))
})

describe('a sandbox host that was taken over', () => {
  const reports: AttackReport[] = []
  let gateway: GatewayUnderAttack

  beforeAll(async () => {
    const rows = Object.entries(PEER_ROWS)
    gateway = await GatewayUnderAttack.start({
      plugins: [{ name: 'harmless', source: toPluginSource('harmless', HARMLESS) }],
      preload: PRELOAD,
      env: toEnvironment({
        kind: 'evil-peer',
        snippets: {
          ...Object.fromEntries(rows.map(([id, { snippet }]) => [id.toLowerCase(), snippet])),
          polite: `h.send(h.req.id, { status: 200, body: 'polite' })`,
        },
      }),
    })
  }, 60_000)

  afterAll(async () => {
    if (ATTACKS_ALL) process.stdout.write(`${formatReports(reports)}\n`)
    expect(await gateway.stop()).toEqual([])
  }, 60_000)

  test('and keeps the protocol is believed: the attacks come from where it stands', async () => {
    const row: AttackRow = { answer: { status: [200], body: /^polite$/ }, run: checkFilter }
    const report = await runAttack(gateway, { attack: 'polite', plugin: 'harmless', row })
    reports.push(report)
    expect(report.violations).toEqual([])
  })

  for (const id of chosen(Object.keys(PEER_ROWS), SLICE)) {
    const row = PEER_ROWS[id]!
    test(`${id}: ${row.idea}`, async () => {
      const report = await runAttack(gateway, { attack: id, plugin: 'harmless', row })
      reports.push(report)
      expect(report.violations).toEqual([])
    }, 120_000)
  }
})
