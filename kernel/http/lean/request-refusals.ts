import type { Refusal } from '../refusal.ts'

/** A message that reaches nobody; told from a head by its class. */
export class Refused implements Refusal {
  readonly status: number
  readonly reason: string

  constructor(status: number, reason: string) {
    this.status = status
    this.reason = reason
  }
}

/** What is wrong with a request as a whole; its header lines have a table of their own. */
export const REQUEST_REFUSALS = {
  malformed: new Refused(400, 'the message is not HTTP'),
  method: new Refused(400, 'the method is no token'),
  noTarget: new Refused(400, 'no request target'),
  version: new Refused(505, 'the HTTP version is neither 1.0 nor 1.1'),
  target: new Refused(414, 'the request target is over targetBytesMax'),
  space: new Refused(400, 'a space in the request target'),
  percent: new Refused(400, 'a percent sign without two hexadecimal digits in the path'),
  notAscii: new Refused(400, 'a byte over 127 in the request target'),
  fragment: new Refused(400, 'a fragment in the request target'),
  asterisk: new Refused(400, 'the target * with a method other than OPTIONS'),
  form: new Refused(400, 'the request target is neither a path nor a URL of our scheme'),
  connect: new Refused(405, 'the method CONNECT'),
  trace: new Refused(405, 'the method TRACE, which would show the headers we add'),
  noHost: new Refused(400, 'no Host header'),
  host: new Refused(400, 'the Host header is not a hostname with an optional port'),
  otherHost: new Refused(400, 'the request target and the Host header disagree'),
  oldChunked: new Refused(400, 'Transfer-Encoding in an HTTP/1.0 request'),
  expectation: new Refused(417, 'an Expect header other than 100-continue'),
  headOverflow: new Refused(431, 'the head is larger than target and headers may be'),
  headDeadline: new Refused(408, 'the head was not complete within headDeadlineMs'),
  body: new Refused(400, 'the body is not what its framing says'),
  bodyBytes: new Refused(413, 'the body is over bodyBytesMax'),
  connections: new Refused(503, 'the client address has clientConnectionsMax connections'),
  allConnections: new Refused(503, 'the worker has connectionsMax connections'),
} as const
