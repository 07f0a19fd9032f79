import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { SANDBOX_LIMITS } from '../../sandbox/limits.ts'
import { ATTACKS_ALL, chosen } from './attack-cases.ts'
import { GatewayUnderAttack } from './gateway-under-attack.ts'
import { RemoteProgram } from './remote-program.ts'
import { RECORDED_IDS, REMOTE_ROWS } from './remote-rows.ts'
import { formatReports } from './report-table.ts'
import { type AttackReport, runAttack } from './run-attack.ts'

const SLICE = ['PRO-01', 'PRO-09']
/** What a program does that keeps the protocol. */
const HONEST = `h.send(h.req.id, { status: 200, body: 'honest' })`
const HONEST_ROW = { answer: { status: [200], body: /^honest$/ } }
/** A quarantine is over by then: three attempts are three losses with calls in them. */
const REMOTE_RECOVERY_MS = SANDBOX_LIMITS.quarantineMs + 10_000

test('every recorded attack of the protocol is made by a remote program, too', () => {
  expect(Object.keys(REMOTE_ROWS)).toEqual(expect.arrayContaining(RECORDED_IDS))
})

describe('a remote program that attacks, with another tenant under steady traffic', () => {
  const ids = chosen(Object.keys(REMOTE_ROWS), SLICE)
  const folder = mkdtempSync(join(tmpdir(), 'sallyport-remote-'))
  const programs = new Map(
    ids.map((id) => {
      const name = id.toLowerCase()
      return [id, new RemoteProgram(name, join(folder, `${name}.sock`))]
    }),
  )
  const reports: AttackReport[] = []
  let gateway: GatewayUnderAttack

  beforeAll(async () => {
    // They are honest when the gateway gets to know them.
    for (const program of programs.values()) await program.start(HONEST)
    gateway = await GatewayUnderAttack.start({
      plugins: [...programs.values()].map(({ name, path }) => ({ name, socket: path })),
    })
  }, 60_000)

  afterAll(async () => {
    if (ATTACKS_ALL) process.stdout.write(`${formatReports(reports)}\n`)
    const left = await gateway.stop()
    for (const program of programs.values()) await program.stop()
    rmSync(folder, { recursive: true })
    expect(left).toEqual([])
  }, 60_000)

  for (const id of ids) {
    const row = REMOTE_ROWS[id]!
    const program = programs.get(id)!
    test(`${id}: ${row.idea}`, async () => {
      const plugin = program.name
      await program.stop()
      await program.start(row.snippet)
      const options = { plugin, recoveryMs: REMOTE_RECOVERY_MS }
      const report = await runAttack(gateway, { ...options, attack: id, row })
      reports.push(report)
      expect(report.violations).toEqual([])
      // The same program with better manners is connected to again and believed.
      await program.stop()
      await program.start(HONEST)
      const honest = { ...options, attack: `${id}-honest`, row: HONEST_ROW }
      expect((await runAttack(gateway, honest)).violations).toEqual([])
    }, 240_000)
  }
})
