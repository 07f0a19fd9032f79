import type { CountersPort } from '../host-options.ts'
import type { SandboxLimits } from '../limits.ts'

/**
 * Counts the kills of a host over the node and says when it has to pause: after so many strikes in the
 * window, for a time that doubles each time it happens again. After the pause the host is on trial:
 * the next strike is enough. A window without one ends that.
 */
export class Quarantine {
  readonly #key: string
  readonly #counters: CountersPort
  readonly #limits: SandboxLimits
  readonly #nowMs: () => number
  /** Of this process alone, for when the counters cannot be reached. */
  #ownStrikes: number[] = []
  #untilMs: number | null = null
  #rounds = 0
  #trialSinceMs: number | null = null

  constructor(
    hostName: string,
    options: { counters: CountersPort; limits: SandboxLimits; nowMs: () => number },
  ) {
    this.#key = `strikes:${hostName}`
    this.#counters = options.counters
    this.#limits = options.limits
    this.#nowMs = options.nowMs
  }

  /** Whether the pause is still going on. When it has just ended the host is on trial. */
  isOn(): boolean {
    if (this.#untilMs === null) return false
    if (this.#nowMs() < this.#untilMs) return true
    this.#untilMs = null
    this.#trialSinceMs = this.#nowMs()
    return false
  }

  /** Milliseconds until the pause is over. */
  get leftMs(): number {
    return this.#untilMs === null ? 0 : Math.max(0, this.#untilMs - this.#nowMs())
  }

  /** Counts a strike; resolves with true when the host must pause now. */
  async strike(): Promise<boolean> {
    const { strikeWindowMs, strikesMax, quarantineMs, quarantineMsMax } = this.#limits
    const nowMs = this.#nowMs()
    this.#ownStrikes = this.#ownStrikes.filter((atMs) => nowMs - atMs < strikeWindowMs)
    this.#ownStrikes.push(nowMs)
    const total = await this.#count(strikeWindowMs)
    const onTrial = this.#trialSinceMs !== null && nowMs - this.#trialSinceMs < strikeWindowMs
    if (!onTrial && this.#trialSinceMs !== null) this.#rounds = 0
    if (!onTrial && total < strikesMax) return false
    this.#untilMs = nowMs + Math.min(quarantineMs * 2 ** this.#rounds, quarantineMsMax)
    this.#rounds = Math.min(this.#rounds + 1, 30)
    this.#trialSinceMs = null
    this.#ownStrikes = []
    return true
  }

  async #count(windowMs: number): Promise<number> {
    try {
      return Math.max(await this.#counters.add(this.#key, 1, windowMs), this.#ownStrikes.length)
    } catch {
      return this.#ownStrikes.length
    }
  }
}
