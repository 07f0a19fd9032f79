import type { SandboxLimits } from '../limits.ts'
import type { Piece } from './piece.ts'
import type { ProcessUsage } from './process-usage.ts'

/** How often a busy child is looked at. */
export const TICK_MS = 25
/** A tick that comes this late tells of a stall on this side: the child's answers may be unread. */
const STALL_MS = 4 * TICK_MS

/** What the clock looks at. */
export interface Watched {
  readonly head: Piece | null
  readonly lastAnswerMs: number
}

/**
 * The kill rule. A piece is on the clock from the first tick that finds it at the head of its child's
 * queue: it may burn so much CPU, and the child may be silent for so long. Loading has its own allowance.
 */
export class KillClock {
  readonly #limits: SandboxLimits
  #piece: Piece | null = null
  #sinceMs = 0
  #cpuBeforeMs: number | null = null
  #lastTickMs = Number.NEGATIVE_INFINITY

  constructor(limits: SandboxLimits) {
    this.#limits = limits
  }

  /** The reason to kill the child now, or null. `usage` is null where the platform does not tell. */
  tick(watched: Watched, usage: ProcessUsage | null, nowMs: number): string | null {
    const limits = this.#limits
    const stalled = this.isStalled(nowMs)
    this.#lastTickMs = nowMs
    if (usage !== null && usage.rssBytes > limits.childRssBytesMax) {
      return `it used ${usage.rssBytes} bytes of memory; up to ${limits.childRssBytesMax} are allowed`
    }
    const { head } = watched
    if (head === null || head !== this.#piece || stalled) {
      this.#piece = head
      this.#sinceMs = nowMs
      this.#cpuBeforeMs = usage?.cpuMs ?? null
      return null
    }
    const allowance = head.kind === 'load' || head.kind === 'configure' ? limits.loadMs : 0
    const silentMs = nowMs - Math.max(this.#sinceMs, watched.lastAnswerMs)
    const burntMs = this.burntMs(head, usage) ?? nowMs - this.#sinceMs
    if (burntMs >= limits.killCpuMs + allowance) {
      return `a ${head.kind} burnt ${Math.round(burntMs)} ms of CPU and did not end`
    }
    if (silentMs >= limits.silenceMs + allowance) {
      return `it gave no answer for ${Math.round(silentMs)} ms`
    }
    return null
  }

  /** When the piece that is on the clock was first seen, or when there was none any more. */
  get sinceMs(): number {
    return this.#sinceMs
  }

  /** Ticks come from now on. */
  wake(nowMs: number): void {
    this.#lastTickMs = nowMs
  }

  /** Whether ticks have not come when they should have: this side had no CPU itself. */
  isStalled(nowMs: number): boolean {
    return nowMs - this.#lastTickMs > STALL_MS
  }

  /** The CPU that the child has burnt since a piece was on the clock; null when that is not known. */
  burntMs(piece: Piece, usage: ProcessUsage | null): number | null {
    if (piece !== this.#piece || usage === null || this.#cpuBeforeMs === null) return null
    return usage.cpuMs - this.#cpuBeforeMs
  }

  /** Another child is watched from now on. */
  forget(): void {
    this.#piece = null
  }
}
