import { Agent } from 'node:http'
import { ask } from './ask.ts'

/** A modest rate: a stretch of 20 ms in which nothing is served would be noticed by the next request. */
const PAUSE_MS = 20

export interface VictimReport {
  readonly served: number
  /** A sentence for each request that was not answered as it should be. */
  readonly failures: readonly string[]
  readonly longestMs: number
  readonly p99Ms: number
}

/** A tenant under steady traffic: requests leave at a fixed rate, whatever becomes of those before. */
export class Victim {
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })
  readonly #open = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | null = null
  #n = 0
  #failures: string[] = []
  /** Of the requests that were served, from sending to the end of the answer. */
  #ms: number[] = []

  constructor(port: number) {
    this.#port = port
  }

  start(): void {
    this.#timer ??= setInterval(() => {
      const request: Promise<void> = this.#request(++this.#n).finally(() => {
        this.#open.delete(request)
      })
      this.#open.add(request)
    }, PAUSE_MS)
  }

  /** What was seen since the last report; waits for what is under way. */
  async report(): Promise<VictimReport> {
    await Promise.all(this.#open)
    const sorted = this.#ms.toSorted((a, b) => a - b)
    const report = {
      served: sorted.length,
      failures: this.#failures,
      longestMs: Math.round(sorted.at(-1) ?? 0),
      p99Ms: Math.round(sorted[Math.floor(sorted.length * 0.99)] ?? 0),
    }
    this.#failures = []
    this.#ms = []
    return report
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    await Promise.all(this.#open)
    this.#agent.destroy()
  }

  async #request(n: number): Promise<void> {
    try {
      const { status, headers, body, ms } = await ask(this.#port, '/victim', {
        agent: this.#agent,
        headers: { 'x-n': String(n) },
      })
      if (status !== 200 || headers['x-victim'] !== String(n) || body !== 'hello') {
        this.#failures.push(
          `request ${n} got ${status}, X-Victim ${String(headers['x-victim'])}, ${body.slice(0, 200)}`,
        )
        return
      }
      this.#ms.push(ms)
    } catch (error) {
      this.#failures.push(`request ${n}: ${(error as Error).message}`)
    }
  }
}
