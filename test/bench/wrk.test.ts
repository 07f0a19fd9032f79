import { describe, expect, test } from 'vitest'
import { describeOddSize, describeWrkErrors, parseWrkOutput, toWrkArguments } from './wrk.ts'
import type { WrkReport } from './wrk.ts'

const OUTPUT = `Running 2s test @ http://127.0.0.1:8000/
  1 threads and 64 connections
  Thread Stats   Avg      Stdev     Max   +/- Stdev
    Latency   689.21us  418.19us  10.77ms   92.15%
    Req/Sec    79.12k     4.59k   84.44k    85.00%
  157834 requests in 2.00s, 41.24MB read
Requests/sec:  78916.55
Transfer/sec:     20.62MB
bench-report {"requests":157834,"durationUs":2000010,"bytes":43246516,"p50Us":660,"p99Us":2470,"maxUs":10770,"errors":{"connect":0,"read":0,"write":0,"status":0,"timeout":0}}
`

function toReport(changes: Partial<WrkReport>): WrkReport {
  return { ...parseWrkOutput(OUTPUT), ...changes }
}

describe('what wrk prints', () => {
  test('is read from the line of its report script, whatever else it says', () => {
    expect(parseWrkOutput(OUTPUT)).toMatchObject({
      requests: 157_834,
      durationUs: 2_000_010,
      p50Us: 660,
      p99Us: 2_470,
      errors: { status: 0, timeout: 0 },
    })
  })

  test('is quoted when there is no report in it', () => {
    expect(() => parseWrkOutput('unable to connect to 127.0.0.1:1 Connection refused\n')).toThrow(
      'wrk printed no report; it said: "unable to connect to 127.0.0.1:1 Connection refused"',
    )
  })

  test('has no errors to describe when all went well', () => {
    expect(describeWrkErrors(toReport({}))).toEqual([])
  })

  test('has each kind of error described with its number', () => {
    const errors = { connect: 1, read: 2, write: 3, status: 4, timeout: 5 }
    const phrases = describeWrkErrors(toReport({ errors })).join('; ')
    expect(phrases).toBe(
      'answers of 4xx or 5xx: 4; failed connects: 1; failed reads: 2; failed writes: 3; ' +
        'requests without an answer within 5 s: 5',
    )
  })

  test('is an error when nothing was answered', () => {
    expect(describeWrkErrors(toReport({ requests: 0 }))).toEqual(['not one request was answered'])
  })

  test('gives answers of another size away', () => {
    expect(describeOddSize(toReport({}), 274)).toEqual([])
    expect(describeOddSize(toReport({}), 280)).toEqual([])
    expect(describeOddSize(toReport({}), 165)).toEqual([
      'answers had 274 bytes on average, a good one has 165',
    ])
  })
})

test('wrk gets the headers of a request one by one, and the address last', () => {
  const options = { seconds: 5, connections: 64, threads: 1, script: 'report.lua' }
  const flags = toWrkArguments({
    ...options,
    url: 'http://127.0.0.1:1/',
    headers: { apikey: 'a b', host: 'x' },
  })
  expect(flags.slice(-5)).toEqual(['-H', 'apikey: a b', '-H', 'host: x', 'http://127.0.0.1:1/'])
})
