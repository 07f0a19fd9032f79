import { type Balancer, isTried, type TargetAddress } from './balancer.ts'

/**
 * Weighted round-robin: over any run of as many picks as the weights add up to, each target is
 * picked exactly as often as its weight says, and heavy targets are spread, not bunched (the smooth
 * method that nginx uses). A retry never picks a target that has already failed for the request.
 */
export class RoundRobinBalancer implements Balancer {
  readonly #targets: readonly TargetAddress[]
  /** How far each target is behind its share. */
  readonly #due: Float64Array

  constructor(targets: readonly TargetAddress[]) {
    this.#targets = targets.filter((target) => target.weight > 0)
    this.#due = new Float64Array(this.#targets.length)
    this.#startSomewhere()
  }

  pick(tried: readonly TargetAddress[]): TargetAddress | null {
    const targets = this.#targets
    if (targets.length === 1) return isTried(tried, targets[0]!) ? null : targets[0]!
    let best = -1
    let total = 0
    for (let i = 0; i < targets.length; i++) {
      const target = targets[i]!
      if (tried.length > 0 && isTried(tried, target)) continue
      total += target.weight
      this.#due[i] = this.#due[i]! + target.weight
      if (best === -1 || this.#due[i]! > this.#due[best]!) best = i
    }
    if (best === -1) return null
    this.#due[best] = this.#due[best]! - total
    return targets[best]!
  }

  /** Workers and reloads would all begin with the first target otherwise. */
  #startSomewhere(): void {
    const picks = Math.floor(Math.random() * Math.min(this.#targets.length, 100))
    for (let i = 0; i < picks; i++) this.pick([])
  }
}
