import { expect, test } from 'vitest'
import { createHttpLimits } from '../../../kernel/http/limits.ts'
import { REFUSALS, RequestChecker } from '../../../kernel/http/request-checker.ts'

const limits = createHttpLimits({ headersMax: 4, headerBytesMax: 200, targetBytesMax: 20 })

function check(target: string, headers: string[], method = 'GET', version = '1.1') {
  const checker = new RequestChecker(limits, 'http')
  return { refusal: checker.check(method, target, version, headers), checker }
}

test.each([
  ['/a?b', ['Host', 'a'], '/a?b', 'a'],
  ['http://a', ['Host', 'a'], '/', 'a'],
  ['http://a?b', ['Host', 'A:80'], '/?b', 'A:80'],
  ['HTTP://a/b', ['Host', 'a'], '/b', 'a'],
  ['http://[::1]:8/b', ['Host', '[::1]:8'], '/b', '[::1]:8'],
  ['//a', ['Host', 'a_b.svc'], '//a', 'a_b.svc'],
])('the checker finds in %s with %j the target %s', (target, headers, origin, authority) => {
  const { refusal, checker } = check(target, headers)
  expect(refusal).toBe(null)
  expect(checker.target).toBe(origin)
  expect(checker.authority).toBe(authority)
})

test('the checker takes the authority of an HTTP/1.0 request from its target', () => {
  const { refusal, checker } = check('http://a/b', [], 'GET', '1.0')
  expect(refusal).toBe(null)
  expect(checker.authority).toBe('a')
})

test('the checker knows how the body is framed, and forgets the request before', () => {
  const checker = new RequestChecker(limits, 'http')
  expect(checker.check('POST', '/', '1.1', ['Host', 'a', 'content-LENGTH', '007'])).toBe(null)
  expect(checker.bodyLength).toBe(7)
  expect(checker.check('POST', '/', '1.1', ['Host', 'a', 'Transfer-Encoding', 'Chunked'])).toBe(
    null,
  )
  expect(checker.bodyLength).toBe(-1)
  expect(checker.check('GET', '/', '1.1', ['Host', 'a'])).toBe(null)
  expect(checker.bodyLength).toBe(0)
  expect(checker.check('GET', '/', '1.1', ['X', 'a'])).toBe(REFUSALS.noHost)
})

test('the checker lets through what is exactly at a limit and refuses one more', () => {
  const host = ['Host', 'a']
  const filler = (bytes: number) => ['X', 'x'.repeat(bytes - 5)]
  expect(check('/'.padEnd(20, 'a'), host).refusal).toBe(null)
  expect(check('/'.padEnd(21, 'a'), host).refusal).toBe(REFUSALS.target)
  expect(check('/', [...host, 'A', '1', 'B', '2', 'C', '3']).refusal).toBe(null)
  expect(check('/', [...host, 'A', '1', 'B', '2', 'C', '3', 'D', '4']).refusal).toBe(
    REFUSALS.headers,
  )
  expect(check('/', [...host, ...filler(191)]).refusal).toBe(null)
  expect(check('/', [...host, ...filler(192)]).refusal).toBe(REFUSALS.headerBytes)
})

test('the checker refuses both framings whichever comes first', () => {
  const length = ['Content-Length', '1']
  const chunked = ['Transfer-Encoding', 'chunked']
  expect(check('/', ['Host', 'a', ...length, ...chunked]).refusal).toBe(REFUSALS.bothFramings)
  expect(check('/', ['Host', 'a', ...chunked, ...length]).refusal).toBe(REFUSALS.bothFramings)
  expect(check('/', ['Host', 'a', ...length, ...length]).refusal).toBe(REFUSALS.twoLengths)
})

test('the checker of an https listener wants targets of its scheme', () => {
  const checker = new RequestChecker(limits, 'https')
  expect(checker.check('GET', 'https://a/', '1.1', ['Host', 'a:443'])).toBe(null)
  expect(checker.check('GET', 'http://a/', '1.1', ['Host', 'a'])).toBe(REFUSALS.form)
})
