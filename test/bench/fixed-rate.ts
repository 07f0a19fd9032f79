// An open-loop load client: request i is due at start + i / rate, whatever the answers do, and its
// latency counts from when it was due. A stall so lengthens the latency of every request that came
// due meanwhile, instead of hiding all but one of them ("coordinated omission").
//
// As a program: node fixed-rate.ts '{"port":8000,"ratePerSecond":5000,"seconds":10}' prints its report
// as one line of JSON. It is run as a process of its own, pinned to the core of client and upstream.
import net from 'node:net'
import type { Socket } from 'node:net'
import { ResponseReader } from './response-reader.ts'

export interface FixedRateOptions {
  /** On 127.0.0.1. */
  readonly port: number
  readonly ratePerSecond: number
  readonly seconds: number
  /** The same load before, whose latencies do not count: V8 compiles this client. Default 1. */
  readonly warmupSeconds?: number
  /** Opened before the first request; one request at a time on each. Default 64. */
  readonly connections?: number
  /** Default `/`. */
  readonly path?: string
  readonly headers?: Readonly<Record<string, string>>
}

/** Latencies are in µs and count from when a request was due to the end of its answer. */
export interface FixedRateReport {
  /** The other figures are of these; the warm-up is left out. */
  readonly answered: number
  readonly p50Us: number
  readonly p99Us: number
  readonly maxUs: number
  /** How late this client itself was in looking, p99: what of a latency may be its own doing. */
  readonly clientLagP99Us: number
  /** Answers that were not 2xx. This and the next two count the warm-up's as well. */
  readonly badStatus: number
  /** Connections that broke with a request on them, and connects that failed. */
  readonly socketErrors: number
  /** Requests that had no answer when the run was given up. */
  readonly unanswered: number
}

const CONNECTIONS_DEFAULT = 64
const WARMUP_SECONDS_DEFAULT = 1

/** Bounds the memory for latencies: 8 bytes each. */
const REQUESTS_MAX = 10_000_000

/** After the last request was due; a proxy that needs longer has been overrun. */
const DRAIN_MS = 5_000

/** Long enough not to spin against a port that nobody listens on. */
const RECONNECT_MS = 20

/**
 * Timers of Node are good to 1 ms only, and to spin would take the core from the upstream. So the
 * client looks at its sockets and its schedule, and then sleeps this long.
 */
const SLEEP_MS = 0.1

export function runFixedRate(options: FixedRateOptions): Promise<FixedRateReport> {
  return new FixedRateRun(options).run()
}

/** The value below which the given share of the sorted values lies (nearest rank); 0 of none. */
export function percentile(sorted: Float64Array, share: number): number {
  return sorted[Math.max(0, Math.ceil(sorted.length * share) - 1)] ?? 0
}

interface Connection {
  socket: Socket
  /** When the request on it was due; -1 while it is idle. */
  dueAt: number
  /** When it last became free. */
  idleSince: number
}

class FixedRateRun {
  readonly #options: FixedRateOptions
  readonly #request: string
  /** Requests, with those of the warm-up, which come first. */
  readonly #total: number
  readonly #warmup: number
  readonly #latenciesUs: Float64Array
  readonly #lagsUs: Float64Array
  readonly #idle: Connection[] = []
  readonly #sockets = new Set<Socket>()
  #sent = 0
  /** All that have ended, well or not. */
  #ended = 0
  #answered = 0
  #badStatus = 0
  #socketErrors = 0
  #startAt = 0
  #recordFrom = 0
  #isOver = false

  constructor(options: FixedRateOptions) {
    this.#options = options
    const { ratePerSecond, seconds, warmupSeconds = WARMUP_SECONDS_DEFAULT } = options
    this.#warmup = Math.round(ratePerSecond * warmupSeconds)
    this.#total = this.#warmup + Math.round(ratePerSecond * seconds)
    if (!(this.#total >= 1 && this.#total <= REQUESTS_MAX)) {
      throw new Error(
        `ratePerSecond ${ratePerSecond} for seconds ${seconds} (warmupSeconds ${warmupSeconds}) ` +
          `are ${this.#total} requests: 1 to ${REQUESTS_MAX} are wanted`,
      )
    }
    const lines = Object.entries(options.headers ?? {}).map(([name, value]) => `${name}: ${value}`)
    const host = `Host: 127.0.0.1:${options.port}`
    const head = [`GET ${options.path ?? '/'} HTTP/1.1`, host, ...lines]
    this.#request = `${head.join('\r\n')}\r\n\r\n`
    this.#latenciesUs = new Float64Array(this.#total)
    this.#lagsUs = new Float64Array(this.#total)
  }

  async run(): Promise<FixedRateReport> {
    const count = this.#options.connections ?? CONNECTIONS_DEFAULT
    try {
      await Promise.all(Array.from({ length: count }, () => this.#connect()))
      this.#startAt = performance.now()
      this.#recordFrom = this.#dueAt(this.#warmup)
      await this.#keepToSchedule()
    } finally {
      this.#isOver = true
      for (const socket of this.#sockets) socket.destroy()
    }
    return this.#report()
  }

  /** Sends what is due, until all has an answer or the time to drain is over. */
  #keepToSchedule(): Promise<void> {
    const giveUpAt = this.#dueAt(this.#total) + DRAIN_MS
    const sleeper = new Int32Array(new SharedArrayBuffer(4))
    return new Promise((resolve) => {
      const turn = (): void => {
        const now = performance.now()
        this.#sendDue(now)
        if (this.#ended === this.#total || now > giveUpAt) return resolve()
        Atomics.wait(sleeper, 0, 0, SLEEP_MS)
        setImmediate(turn)
      }
      turn()
    })
  }

  #sendDue(now: number): void {
    while (this.#sent < this.#total && this.#idle.length > 0) {
      const dueAt = this.#dueAt(this.#sent)
      if (dueAt > now) return
      // While all connections are busy it is not this client that is late.
      const possibleAt = Math.max(dueAt, this.#idle[0]!.idleSince)
      const connection = this.#idle.pop()!
      connection.dueAt = dueAt
      this.#lagsUs[this.#sent] = (now - possibleAt) * 1_000
      this.#sent += 1
      connection.socket.write(this.#request, 'latin1')
    }
  }

  #dueAt(request: number): number {
    return this.#startAt + (request * 1_000) / this.#options.ratePerSecond
  }

  #connect(): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = net.connect({ port: this.#options.port, host: '127.0.0.1', noDelay: true })
      const connection: Connection = { socket, dueAt: -1, idleSince: 0 }
      const reader = new ResponseReader((status, closes) =>
        this.#onAnswer(connection, status, closes),
      )
      this.#sockets.add(socket)
      socket.on('connect', () => {
        connection.idleSince = performance.now()
        this.#idle.push(connection)
        resolve()
      })
      socket.on('data', (chunk: Buffer) => {
        try {
          reader.push(chunk)
        } catch (error) {
          socket.destroy(error as Error)
        }
      })
      socket.on('error', reject)
      socket.on('close', () => this.#onClose(connection))
    })
  }

  #onAnswer(connection: Connection, status: number, closes: boolean): void {
    if (connection.dueAt === -1) {
      connection.socket.destroy()
      return
    }
    connection.idleSince = performance.now()
    this.#ended += 1
    if (connection.dueAt >= this.#recordFrom) {
      this.#latenciesUs[this.#answered] = (connection.idleSince - connection.dueAt) * 1_000
      this.#answered += 1
    }
    if (status < 200 || status > 299) this.#badStatus += 1
    connection.dueAt = -1
    // What is sent on a connection that ends would be an error of this client's own.
    if (closes) connection.socket.end()
    else this.#idle.push(connection)
  }

  /** A connection that was closed between two requests is replaced; with one on it, it is an error. */
  #onClose(connection: Connection): void {
    this.#sockets.delete(connection.socket)
    if (this.#isOver) return
    const place = this.#idle.indexOf(connection)
    if (place !== -1) this.#idle.splice(place, 1)
    if (connection.dueAt !== -1) {
      this.#socketErrors += 1
      this.#ended += 1
    }
    // Before the schedule has begun the run fails with the reason of the failed connect.
    if (this.#startAt > 0) setTimeout(() => this.#reconnect(), RECONNECT_MS)
  }

  /** A connect that fails closes its socket too, so there will be a next try. */
  #reconnect(): void {
    if (this.#isOver) return
    this.#connect().catch(() => {
      this.#socketErrors += 1
    })
  }

  #report(): FixedRateReport {
    const latencies = this.#latenciesUs.subarray(0, this.#answered).toSorted()
    const lags = this.#lagsUs.subarray(this.#warmup, Math.max(this.#sent, this.#warmup)).toSorted()
    return {
      answered: this.#answered,
      p50Us: percentile(latencies, 0.5),
      p99Us: percentile(latencies, 0.99),
      maxUs: percentile(latencies, 1),
      clientLagP99Us: percentile(lags, 0.99),
      badStatus: this.#badStatus,
      socketErrors: this.#socketErrors,
      unanswered: this.#total - this.#ended,
    }
  }
}

if (import.meta.main) {
  const options = JSON.parse(process.argv[2] ?? '{}') as FixedRateOptions
  console.log(JSON.stringify(await runFixedRate(options)))
}
