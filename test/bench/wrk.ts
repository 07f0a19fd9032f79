/** What wrk measured, as test/bench/wrk-report.lua prints it. */
export interface WrkReport {
  readonly requests: number
  readonly durationUs: number
  /** Bytes received, heads included. */
  readonly bytes: number
  readonly p50Us: number
  readonly p99Us: number
  readonly maxUs: number
  readonly errors: WrkErrors
}

export interface WrkErrors {
  readonly connect: number
  readonly read: number
  readonly write: number
  /** Answers of 400 and above. */
  readonly status: number
  readonly timeout: number
}

export interface WrkOptions {
  readonly url: string
  readonly seconds: number
  readonly connections: number
  readonly threads: number
  /** Path of wrk-report.lua. */
  readonly script: string
  readonly headers: Readonly<Record<string, string>>
}

/** A request without an answer for this long is an error: far above any sound p99. */
const TIMEOUT_SECONDS = 5

const REPORT = /^bench-report (\{.*\})$/m

export function toWrkArguments(options: WrkOptions): string[] {
  const { url, seconds, connections, threads, script, headers } = options
  const headerFlags = Object.entries(headers).flatMap(([name, value]) => [
    '-H',
    `${name}: ${value}`,
  ])
  return [
    `-c${connections}`,
    `-t${threads}`,
    `-d${seconds}s`,
    '--timeout',
    `${TIMEOUT_SECONDS}s`,
    '-s',
    script,
    ...headerFlags,
    url,
  ]
}

/** Throws, quoting wrk, when the report is not there: then wrk did not run to its end. */
export function parseWrkOutput(output: string): WrkReport {
  const match = REPORT.exec(output)
  if (match === null) {
    throw new Error(`wrk printed no report; it said: ${JSON.stringify(output.trim().slice(-400))}`)
  }
  return JSON.parse(match[1]!) as WrkReport
}

/** One phrase for each kind of failure that occurred; empty when there was none. */
export function describeWrkErrors({ errors, requests }: WrkReport): string[] {
  const phrases: [number, string][] = [
    [errors.status, 'answers of 4xx or 5xx'],
    [errors.connect, 'failed connects'],
    [errors.read, 'failed reads'],
    [errors.write, 'failed writes'],
    [errors.timeout, `requests without an answer within ${TIMEOUT_SECONDS} s`],
  ]
  const found = phrases.filter(([count]) => count > 0).map(([count, what]) => `${what}: ${count}`)
  return requests > 0 ? found : [...found, 'not one request was answered']
}

/**
 * wrk tells redirects and short answers apart from good ones only by a Lua call for each answer,
 * which would cost more than the request. The mean size of an answer gives them away for nothing.
 * 10 %: the length of a latency in a header may vary, a missing body of 109 bytes is far more.
 */
export function describeOddSize(report: WrkReport, expectedBytes: number): string[] {
  if (report.requests === 0) return []
  const mean = report.bytes / report.requests
  if (Math.abs(mean - expectedBytes) <= expectedBytes * 0.1) return []
  return [`answers had ${mean.toFixed(0)} bytes on average, a good one has ${expectedBytes}`]
}
