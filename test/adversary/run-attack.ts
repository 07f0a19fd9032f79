import { setTimeout as sleep } from 'node:timers/promises'
import { SANDBOX_LIMITS } from '../../sandbox/limits.ts'
import { type AttackRow, checkAnswer } from './attack-rows.ts'
import type { GatewayUnderAttack } from './gateway-under-attack.ts'
import { isRunning } from './gateway-tree.ts'
import { MemoryWatch } from './memory-watch.ts'
import { ATTACK_ROUTE, NEIGHBOUR_ROUTE, type Place, routesOf } from './place.ts'
import type { VictimReport } from './victim.ts'

const MB = 1024 * 1024
/** The event loop of the worker may be held for so long because of an attack: CPU, not time. */
const STRETCH_CPU_MS_MAX = 20
/** Without an answer to anything a child is killed after 1 s, and its request is answered soon after. */
const ANSWER_MS_MAX = SANDBOX_LIMITS.silenceMs + 100
/** Collection of garbage is the engine's business; what grows by more has kept something. */
const WORKER_GROWTH_BYTES_MAX = 64 * MB
const AFTERMATH_MS = 100
const RECOVERY_MS_MAX = 10_000
/** An attack is made again when only what was measured is over a limit: the machine has other work. */
const ATTEMPTS = 3

/** What one attack did. */
export interface AttackReport {
  readonly attack: string
  /** A sentence for everything that was not as it should be. */
  readonly violations: readonly string[]
  readonly status: number | null
  readonly answerMs: number
  readonly stretchCpuMs: number
  readonly childMb: number
  readonly victim: VictimReport
}

export interface AttackOptions {
  /** For people, and part of the tenant's name. */
  readonly attack: string
  readonly plugin: string
  readonly row: AttackRow
  /** False for a plugin that no tenant owns. */
  readonly hasTenant?: boolean
  /** How long its place may take to be served again. */
  readonly recoveryMs?: number
}

let placed = 0

/**
 * Makes an attack on a running gateway, with a victim beside it, and reports. Limits of what is
 * measured hold when they hold once: each attempt is a new tenant.
 */
export async function runAttack(
  gateway: GatewayUnderAttack,
  options: AttackOptions,
): Promise<AttackReport> {
  let report: AttackReport | null = null
  for (let attempt = 1; attempt <= ATTEMPTS; attempt++) {
    const { measured, ...made } = await new Attack(gateway, options).run()
    report = made
    if (measured.length === 0) return made
    const isMeasuredOnly = made.violations.length === 0
    report = { ...made, violations: [...made.violations, ...measured] }
    if (!isMeasuredOnly) return report
  }
  return report!
}

class Attack {
  readonly #gateway: GatewayUnderAttack
  readonly #options: AttackOptions
  readonly #violations: string[] = []
  /** Violations of limits that a busy machine may break for once. */
  readonly #measured: string[] = []
  readonly #tenant: string
  #linesBefore = 0
  #status: number | null = null
  #answerMs = 0

  constructor(gateway: GatewayUnderAttack, options: AttackOptions) {
    this.#gateway = gateway
    this.#options = options
    this.#tenant = `attacker-${options.attack.toLowerCase()}-${++placed}`
  }

  async run(): Promise<AttackReport & { readonly measured: readonly string[] }> {
    const { plugin, row, hasTenant = true } = this.#options
    const gateway = this.#gateway
    const tenant = hasTenant ? this.#tenant : null
    await gateway.place(routesOf({ plugin, tenant, hasNeighbour: row.hasNeighbour ?? false }))
    await this.#calm('before the attack')
    const before = gateway.tree
    const watch = new MemoryWatch(before.workers[0]!)
    const { rssBytes } = await gateway.observe()
    this.#linesBefore = (await gateway.wholeLog()).length
    await this.#attack(row)
    if (row.endsInQuarantine !== true) await this.#calm('after the attack')
    // What comes of it later counts as well, and the probe gets its turn after an attack of a moment.
    await sleep(AFTERMATH_MS)
    const stretchCpuMs = await this.#look(rssBytes)
    watch.stop()
    this.#checkPids(before)
    if (watch.peakBytes > SANDBOX_LIMITS.childRssBytesMax) {
      this.#violations.push(`a sandbox had ${toMb(watch.peakBytes)} MB resident`)
    }
    await this.#takeAway(watch)
    const report = await gateway.victim.report()
    this.#checkVictim(report)
    return {
      attack: this.#options.attack,
      violations: this.#violations,
      measured: this.#measured,
      status: this.#status,
      answerMs: Math.round(this.#answerMs),
      stretchCpuMs,
      childMb: toMb(watch.peakBytes),
      victim: report,
    }
  }

  async #attack({ answer, run }: AttackRow): Promise<void> {
    try {
      if (run !== undefined) this.#violations.push(...(await run(this.#place())))
      if (answer === undefined) return
      const answered = await this.#send(ATTACK_ROUTE, { 'x-id': '7', 'x-n': '7' })
      this.#status = answered.status
      this.#violations.push(...checkAnswer(answered, answer))
    } catch (error) {
      this.#violations.push(`the attacker got no answer: ${(error as Error).message}`)
    }
  }

  #place(): Place {
    return {
      gateway: this.#gateway,
      plugin: this.#options.plugin,
      tenant: this.#tenant,
      attack: (options = {}) => this.#send(ATTACK_ROUTE, options.headers ?? {}, options),
      attackNeighbour: (options = {}) =>
        this.#send(NEIGHBOUR_ROUTE, options.headers ?? {}, options),
      linesOfAttacker: async () =>
        (await this.#gateway.wholeLog())
          .slice(this.#linesBefore)
          .filter(
            ({ plugin, pluginHost }) =>
              plugin === this.#options.plugin || pluginHost === `tenant:${this.#tenant}`,
          ),
    }
  }

  async #send(route: string, headers: Readonly<Record<string, string>>, options = {}) {
    const answered = await this.#gateway.ask(route, { ...options, headers })
    this.#answerMs = Math.max(this.#answerMs, answered.ms)
    if (answered.ms > ANSWER_MS_MAX && this.#options.row.isPatient !== true) {
      this.#measured.push(`it was answered after ${Math.round(answered.ms)} ms`)
    }
    return answered
  }

  /** The attacker's place is served: a request that attacks nobody gets its answer. */
  async #calm(when: string): Promise<void> {
    const untilMs = performance.now() + (this.#options.recoveryMs ?? RECOVERY_MS_MAX)
    let last = ''
    while (performance.now() < untilMs) {
      try {
        const { status, body } = await this.#gateway.ask(ATTACK_ROUTE, {
          headers: { 'x-calm': when },
        })
        if (status === 200 && body === `calm ${when}`) return
        last = `${status} ${body.slice(0, 200)}`
      } catch (error) {
        last = (error as Error).message
      }
      await sleep(20)
    }
    this.#violations.push(`its place was not served ${when}: ${last}`)
  }

  /** What the observer has seen, while the worker that it sits in is the one from before. */
  async #look(rssBefore: number): Promise<number> {
    try {
      const { longestCpuMs, beats, rssBytes, newKeys } = await this.#gateway.observe()
      if (longestCpuMs > STRETCH_CPU_MS_MAX) {
        this.#measured.push(`the worker burnt ${longestCpuMs.toFixed(1)} ms of CPU at a stretch`)
      }
      if (beats === 0) this.#violations.push('the probe in the worker did not run')
      const grownBytes = rssBytes - rssBefore
      if (grownBytes > WORKER_GROWTH_BYTES_MAX) {
        this.#measured.push(`the worker grew by ${toMb(grownBytes)} MB`)
      }
      for (const key of newKeys) this.#violations.push(`the worker's prototypes have ${key}`)
      return Math.round(longestCpuMs * 10) / 10
    } catch (error) {
      this.#violations.push(`the worker tells nothing: ${(error as Error).message}`)
      return 0
    }
  }

  #checkPids(before: GatewayUnderAttack['tree']): void {
    const { workers } = this.#gateway.tree
    if (!this.#gateway.isRunning) this.#violations.push('the primary has ended')
    if (workers.join() !== before.workers.join()) {
      this.#violations.push(`the worker ${before.workers.join()} became ${workers.join()}`)
    }
  }

  #checkVictim({ served, failures }: VictimReport): void {
    if (served === 0) this.#violations.push('the victim was not served at all')
    // The deadline of a handler is one of the wall clock: a machine with other work breaks it, too.
    const isStarved = failures.every((failure) => failure.includes('in time'))
    const found = isStarved ? this.#measured : this.#violations
    for (const failure of failures.slice(0, 3)) {
      found.push(`the victim, ${failures.length} in all: ${failure}`)
    }
  }

  /** Without its configuration there is the victim's sandbox and a spare, and no file. */
  async #takeAway(watch: MemoryWatch): Promise<void> {
    const gateway = this.#gateway
    await gateway.place([])
    const others = () => gateway.tree.sandboxes.length
    const untilMs = performance.now() + RECOVERY_MS_MAX
    const isLeft = () => others() > 2 || [...watch.seen].filter(isRunning).length > 2
    while (isLeft() && performance.now() < untilMs) await sleep(20)
    if (isLeft()) this.#violations.push(`${others()} sandboxes are left, expected 2 at most`)
    for (const file of gateway.leftFiles) this.#violations.push(`it left the file ${file}`)
  }
}

const toMb = (bytes: number): number => Math.round(bytes / MB)
