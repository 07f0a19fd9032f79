import { readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import type { TargetAddress } from '../../../kernel/balancer/balancer.ts'
import { RoundRobinBalancer } from '../../../kernel/balancer/round-robin.ts'

interface Case {
  readonly name: string
  readonly kind: string
  readonly picks?: number
  readonly targets: readonly { ip: string; port: number; weight: number; available?: boolean }[]
  readonly expect: {
    readonly cycle_length?: number
    readonly picks_per_cycle?: Readonly<Record<string, number>> | null
    readonly error?: string
    readonly never?: string[]
    readonly only?: string[]
  }
}

const cases = (
  JSON.parse(readFileSync(new URL('../../cases/balancer.json', import.meta.url), 'utf8')) as Case[]
).filter((one) => one.kind === 'round-robin')

describe('round-robin', () => {
  it.each(cases.map((one) => [one.name, one] as const))('%s', (_name, one) => {
    const targets = one.targets.map(({ ip, port, weight }) => ({ hostname: ip, port, weight }))
    const unavailable = targets.filter((_target, i) => one.targets[i]!.available === false)
    const balancer = new RoundRobinBalancer(targets)
    const { error, picks_per_cycle: perCycle, cycle_length: length, never, only } = one.expect
    if (error !== undefined) {
      expect(balancer.pick(unavailable)).toBeNull()
      return
    }
    const picked = pickNames(balancer, one.picks ?? length! * 10, unavailable)
    if (perCycle) {
      // Any window of one cycle has every target as often as its weight says.
      for (let from = 0; from + length! <= picked.length; from++) {
        expect(count(picked.slice(from, from + length!))).toEqual(perCycle)
      }
    }
    for (const name of never ?? []) expect(picked).not.toContain(name)
    if (only) expect(new Set(picked)).toEqual(new Set(only))
  })

  it('never gives a retry the target that just failed, and nothing when all have', () => {
    const targets = [1, 2, 3].map((n) => ({ hostname: `10.0.0.${n}`, port: 80, weight: n }))
    const balancer = new RoundRobinBalancer(targets)
    const tried: TargetAddress[] = []
    for (let i = 0; i < 3; i++) tried.push(balancer.pick(tried)!)
    expect(new Set(tried).size).toBe(3)
    expect(balancer.pick(tried)).toBeNull()
  })

  it('spreads a heavy target instead of bunching it', () => {
    const balancer = new RoundRobinBalancer([
      { hostname: 'heavy', port: 80, weight: 5 },
      { hostname: 'a', port: 80, weight: 1 },
      { hostname: 'b', port: 80, weight: 1 },
    ])
    const picked = pickNames(balancer, 70, [])
    // Bunched it would be five in each seven, so ten around a seam; spread it is four at most.
    expect(picked.join(' ')).not.toContain('heavy heavy heavy heavy heavy')
  })
})

function pickNames(balancer: RoundRobinBalancer, picks: number, tried: TargetAddress[]): string[] {
  return Array.from({ length: picks }, () => balancer.pick(tried)!.hostname)
}

function count(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const name of names) counts[name] = (counts[name] ?? 0) + 1
  return counts
}
