import { Agent } from 'node:http'
import { ask } from './ask.ts'

/** A modest rate: a stretch of 20 ms in which nothing is served would be noticed by the next request. */
const PAUSE_MS = 20

export interface VictimReport {
  readonly served: number
  /** A sentence for each request that was not answered as it should be. */
  readonly failures: readonly string[]
  readonly longestMs: number
}

/** A tenant under steady traffic: requests leave at a fixed rate, whatever becomes of those before. */
export class Victim {
  readonly #port: number
  readonly #agent = new Agent({ keepAlive: true, maxSockets: 64 })
  readonly #open = new Set<Promise<void>>()
  #timer: NodeJS.Timeout | null = null
  #n = 0
  #served = 0
  #failures: string[] = []
  #longestMs = 0

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
    const report = {
      served: this.#served,
      failures: this.#failures,
      longestMs: Math.round(this.#longestMs),
    }
    this.#served = 0
    this.#failures = []
    this.#longestMs = 0
    return report
  }

  async stop(): Promise<void> {
    if (this.#timer !== null) clearInterval(this.#timer)
    this.#timer = null
    await Promise.all(this.#open)
    this.#agent.destroy()
  }

  async #request(n: number): Promise<void> {
    const startedMs = performance.now()
    try {
      const { status, headers, body } = await ask(this.#port, '/victim', {
        agent: this.#agent,
        headers: { 'x-n': String(n) },
      })
      this.#longestMs = Math.max(this.#longestMs, performance.now() - startedMs)
      if (status !== 200 || headers['x-victim'] !== String(n) || body !== 'hello') {
        this.#failures.push(
          `request ${n} got ${status}, X-Victim ${String(headers['x-victim'])}, ${body.slice(0, 200)}`,
        )
        return
      }
      this.#served++
    } catch (error) {
      this.#failures.push(`request ${n}: ${(error as Error).message}`)
    }
  }
}
