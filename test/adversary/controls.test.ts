import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { attackCase, chosen } from './attack-cases.ts'
import { ATTACK_ROWS, type AttackRow } from './attack-rows.ts'
import { HARMLESS, toPluginSource } from './attack-source.ts'
import { GatewayUnderAttack } from './gateway-under-attack.ts'
import { runAttack } from './run-attack.ts'
import { type Leak, toEnvironment } from './substitution/substitute.ts'

/** A guard that has never been seen to bark guards nothing: here it is given reasons to. */

const FAULTS: Readonly<Record<string, RegExp>> = {
  'burns-cpu': /the worker burnt \d+\.\d ms of CPU at a stretch/,
  'changes-a-prototype': /the worker's prototypes have Object\.polluted/,
  'keeps-memory': /the worker grew by \d+ MB/,
  'leaves-a-file': /it left the file left-behind/,
  'ends-the-worker': /the worker \d+ became/,
}
const FAULTS_IN_SUITE = ['burns-cpu', 'changes-a-prototype', 'ends-the-worker']

describe('a plugin in the worker that is at fault', () => {
  let gateway: GatewayUnderAttack

  beforeAll(async () => {
    const file = new URL('./faulty-plugin.ts', import.meta.url).pathname
    gateway = await GatewayUnderAttack.start({
      plugins: [{ name: 'faulty', file, tier: 'inline' }],
    })
  }, 60_000)
  afterAll(async () => {
    await gateway.stop()
  }, 60_000)

  const run = (fault: string) => {
    const row: AttackRow = {
      run: async (place) => {
        await place.attack({ headers: { 'x-fault': fault } })
        return []
      },
    }
    return runAttack(gateway, { attack: fault, plugin: 'faulty', row, hasTenant: false })
  }

  test('is not accused of anything before it is', async () => {
    expect((await run('nothing')).violations).toEqual([])
  })

  for (const fault of chosen(Object.keys(FAULTS), FAULTS_IN_SUITE)) {
    test(`is noticed: ${fault}`, async () => {
      const { violations } = await run(fault)
      expect(violations).toContainEqual(expect.stringMatching(FAULTS[fault]!))
    }, 60_000)
  }

  test('is noticed at the end: leaves-a-process', async () => {
    await run('leaves-a-process')
    expect(await gateway.stop()).toContainEqual(expect.stringMatching(/process \d+ is still there/))
  }, 60_000)
})

/** The name of an attack, its code, and what the harness says of it. */
type Attacks = Readonly<Record<string, readonly [snippet: string, sentence: RegExp]>>

const HOLES: Readonly<Record<Leak, Attacks>> = {
  reference: {
    'esc-03': [attackCase('ESC-03').snippet, /answered 200 Reference/],
    'uses-the-reference': [
      `return { status: 200, body: planted.getSync('pid', { copy: true }) > 0 ? 'the host' : 'none' }`,
      /answered 200 the host/,
    ],
  },
  'no-limits': {
    'xt-08': [attackCase('XT-08').snippet, /was answered after|place was not served after/],
    'much-memory': [
      'globalThis.much = new Array(6e7).fill(0); return { status: 200, body: String(much.length) }',
      /a sandbox had \d+ MB resident/,
    ],
  },
}

describe.each(chosen(Object.keys(HOLES), ['reference']) as Leak[])(
  'a sandbox with a hole (%s)',
  (leak) => {
    const attacks = HOLES[leak]
    let gateway: GatewayUnderAttack

    beforeAll(async () => {
      gateway = await GatewayUnderAttack.start({
        plugins: [
          { name: 'harmless', source: toPluginSource('harmless', HARMLESS) },
          ...Object.entries(attacks).map(([name, [snippet]]) => ({
            name,
            source: toPluginSource(name, snippet),
          })),
        ],
        preload: new URL('./substitution/preload.ts', import.meta.url).pathname,
        env: toEnvironment({ kind: 'leaky', leak }),
      })
    }, 60_000)
    afterAll(async () => {
      expect(await gateway.stop()).toEqual([])
    }, 60_000)

    test('does what a harmless plugin asks for', async () => {
      const row = { answer: { status: [200], body: /^harmless 7$/ } }
      const report = await runAttack(gateway, { attack: 'harmless', plugin: 'harmless', row })
      expect(report.violations).toEqual([])
    })

    test.each(Object.entries(attacks))(
      'is noticed: %s',
      async (name, [, sentence]) => {
        const row = ATTACK_ROWS[name.toUpperCase()] ?? { answer: { status: [500, 503] } }
        const options = { attack: name, plugin: name, row, recoveryMs: 1_500 }
        const report = await runAttack(gateway, options)
        expect(report.violations).toContainEqual(expect.stringMatching(sentence))
      },
      60_000,
    )
  },
)
