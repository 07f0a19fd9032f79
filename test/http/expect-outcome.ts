import { expect } from 'vitest'
import type { ExpectedRequest, MessageRow } from './messages/row.ts'
import type { Outcome, ReadRequest } from './parsers/outcome.ts'

/** Fails unless this is what the row says. */
export function expectOutcome(row: MessageRow, outcome: Outcome): void {
  const expected = row.expect
  const whole = outcome.requests.filter((request) => request.whole)
  expect(whole).toEqual((expected.requests ?? []).map(toExpected))
  switch (expected.kind) {
    case 'accepted':
      expect(outcome.end).toBe(expected.closes === true ? 'closed' : 'open')
      break
    case 'waiting':
      expect(outcome.end).toBe('waiting')
      break
    case 'refused':
      expect(outcome).toMatchObject({ end: 'refused', status: expected.status })
      if (expected.reason !== undefined) expect(outcome.reason).toMatch(expected.reason)
      // A handler that was never told of a request cannot have done anything with it.
      expect(outcome.requests.length - whole.length).toBe(expected.inBody === true ? 1 : 0)
      break
  }
}

function toExpected(request: ExpectedRequest): ReadRequest {
  return expect.objectContaining({ ...request }) as ReadRequest
}
