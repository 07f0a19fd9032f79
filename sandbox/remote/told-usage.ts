import type { Message } from '@sallyport/sdk/protocol'
import type { ToldUsage } from '../../kernel/plugin-host.ts'
import type { SandboxLimits } from '../limits.ts'
import { parsePayload } from '../payload.ts'
import { checkBounds } from '../process/message-bounds.ts'
import { Piece } from '../process/piece.ts'
import type { SandboxProcess } from '../process/sandbox-process.ts'
import type { RemoteLimits } from './remote-limits.ts'

/** One entry has a hundred characters; what is much longer is not what was asked for. */
const LENGTH_MAX = 4_096
const VALUES_MAX = 64
/** A list of objects. */
const NESTING_MAX = 2

export interface UsageQuestionsOptions {
  readonly pluginName: string
  readonly limits: SandboxLimits
  readonly remote: RemoteLimits
  /** The connection that may be asked now, or null. */
  readonly current: () => SandboxProcess | null
}

/**
 * Asks a remote program what it uses: from time to time, at moments when nothing is at its turn. A
 * program that has never answered is asked only while it has nothing else to do, and never again once
 * the question has cost a connection.
 */
export class UsageQuestions {
  readonly #options: UsageQuestionsOptions
  #timer: NodeJS.Timeout | null = null
  #open: Piece | null = null
  #askedMs = Number.NEGATIVE_INFINITY
  #hasAnswered = false
  #isGivenUp = false
  /** Null when it tells nothing that can be read. */
  told: ToldUsage | null = null

  constructor(options: UsageQuestionsOptions) {
    this.#options = options
  }

  /** Looks also while there are no calls, and keeps no process alive for it. */
  begin(): void {
    if (this.#timer !== null) return
    const { statsMs } = this.#options.remote
    this.#askedMs = performance.now()
    this.#timer = setInterval(() => this.look(performance.now()), statsMs / 2)
    this.#timer.unref()
  }

  end(): void {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
  }

  /** Asks when it is time and the program has nothing at its turn. */
  look(nowMs: number): void {
    const { current, remote } = this.#options
    if (this.#isGivenUp || this.#open !== null || nowMs - this.#askedMs < remote.statsMs) return
    const process = current()
    if (process === null || process.isDown || process.head !== null) return
    if (process.isBusy && !this.#hasAnswered) return
    this.#askedMs = nowMs
    this.#open = new Piece('stats', { onEnd: (message) => this.#onEnd(message) })
    process.send(this.#open, { name: 'stats' })
  }

  /** Whether the program has nothing to do but to answer: nobody waits for it. */
  isAlone({ head, pieces }: SandboxProcess): boolean {
    return head !== null && head === this.#open && pieces === 1
  }

  /** The reason to hang up on a program that has never answered and keeps others waiting; or null. */
  overdue(process: SandboxProcess, nowMs: number): string | null {
    if (this.#hasAnswered || this.#open === null || process.head !== this.#open) return null
    const silentMs = nowMs - this.#askedMs
    if (process.pieces === 1 || silentMs < this.#options.remote.pingAfterMs) return null
    return `it gave no answer to stats for ${Math.round(silentMs)} ms, while calls wait`
  }

  /** The connection is lost. Whether the program is not asked any more from now on. */
  onDown(): boolean {
    this.told = null
    const wasAsked = this.#open !== null
    this.#open = null
    if (!wasAsked || this.#hasAnswered) return false
    this.#isGivenUp = true
    return true
  }

  #onEnd(message: Message<'result' | 'failed'>): void {
    checkBounds(message, this.#options.limits)
    this.#open = null
    this.#hasAnswered = true
    this.told =
      message.name === 'result'
        ? readToldUsage(message.payload as string, this.#options.pluginName)
        : null
  }
}

/** What a program says of the plugin that it serves, as far as it can be true. */
export function readToldUsage(json: string, pluginName: string): ToldUsage | null {
  if (json.length > LENGTH_MAX) return null
  let list: unknown
  try {
    list = parsePayload(json, NESTING_MAX, VALUES_MAX)
  } catch {
    return null
  }
  if (!Array.isArray(list)) return null
  for (const entry of list as unknown[]) {
    if (typeof entry !== 'object' || entry === null) continue
    const { plugin, cpuUs, heapBytes } = entry as Readonly<Record<string, unknown>>
    if (plugin !== pluginName) continue
    return isAmount(cpuUs) && isAmount(heapBytes) ? { cpuMs: cpuUs / 1_000, heapBytes } : null
  }
  return null
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && value >= 0 && value <= Number.MAX_SAFE_INTEGER
}
