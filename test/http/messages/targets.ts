import { accepted, get, type MessageRow, refused } from './row.ts'

const bytes = (target: string, method = 'GET', host = 'a') =>
  `${method} ${target} HTTP/1.1\r\nHost: ${host}\r\n\r\n`
const kept = (what: string, target: string, more = {}): MessageRow =>
  accepted(what, bytes(target), [get(target)], more)
const absolute = (what: string, target: string, origin: string, host = 'a'): MessageRow =>
  accepted(what, bytes(target, 'GET', host), [get(origin, { authority: host })])
const bad = (what: string, target: string, reason: RegExp, more = {}): MessageRow =>
  refused(what, bytes(target), [400, reason], more)

const PERCENT = 'decoders differ in what they make of it, and one of them decides on access'
const NOBODY = 'a URL without a hostname names nobody'
const ONLY_FORMS = 'it is none of the four forms'

/** Request targets in their four forms, and the characters in them. */
export const TARGET_ROWS: readonly MessageRow[] = [
  kept('a path', '/a/b/c'),
  kept('a path with a query', '/a?b=c&d=e'),
  kept('an empty query', '/a?'),
  kept('two question marks', '/a?b?c'),
  kept('a slash and a question mark in a query', '/a?b=/c?d'),
  kept('two slashes first', '//b/c'),
  kept('slashes only', '////'),
  kept('dot segments', '/a/../b/./c'),
  kept('encoded dot segments', '/a/%2e%2e/b'),
  kept('an encoded slash', '/a%2Fb'),
  kept('an encoded NUL', '/a%00b'),
  kept('encoded line ends', '/a%0d%0ab'),
  kept('an encoded percent sign', '/a%25%32%65'),
  kept('encoded bytes that are no UTF-8', '/%ff%fe'),
  kept('a semicolon', '/a;b=c/d'),
  kept('every unreserved character', "/-._~!$&'()*+,;=:@azAZ09"),
  kept('a colon in the first segment', '/a:b'),
  kept('a URL as a path', '/http://b/c'),
  kept('a percent sign in a query', '/a?b=100%'),
  kept('half an escape in a query', '/a?b=%2'),
  kept('an escape that is none in a query', '/a?b=%zz'),
  kept('brackets in a query', '/a?b[]=1'),
  kept('braces and a bar in a query', '/a?b={c|d}'),
  kept('quotes in a path', '/"a"'),
  kept('angle brackets in a path', '/<a>'),
  kept('a backslash in a path', '/a\\b'),
  kept('a caret and a backtick in a path', '/^`'),
  kept('braces in a path', '/{a}'),
  accepted('the target * of OPTIONS', bytes('*', 'OPTIONS'), [
    { method: 'OPTIONS', target: '*', body: '' },
  ]),
  absolute('a URL', 'http://a/b?c', '/b?c'),
  absolute('a URL without a path', 'http://a', '/'),
  absolute('a URL without a path but a query', 'http://a?b', '/?b'),
  absolute('a URL of capitals', 'HTTP://A/b', '/b'),
  absolute('a URL with the default port', 'http://a:80/b', '/b'),
  absolute('a Host with the default port', 'http://a/b', '/b', 'a:80'),
  absolute('a URL with a port', 'http://a:8000/b', '/b', 'a:8000'),
  absolute('a URL with an IPv6 address', 'http://[::1]/b', '/b', '[::1]'),
  accepted(
    'a URL without a Host header in HTTP/1.0',
    'GET http://b/c HTTP/1.0\r\n\r\n',
    [get('/c', { authority: 'b', httpVersion: '1.0' })],
    { closes: true },
  ),
  refused('a URL without a Host header', 'GET http://a/b HTTP/1.1\r\n\r\n', [400, /no Host/]),
  bad('another Host than the target', 'http://b/', /disagree/, {
    stricter: 'one of the two decides on the route, the other on what an upstream serves',
  }),
  bad('another port than the target', 'http://a:81/', /disagree/, {
    stricter: 'one of the two decides on the route, the other on what an upstream serves',
  }),
  bad('a URL of ftp', 'ftp://a/', /neither a path nor/, {
    stricter: 'we serve http on this listener',
  }),
  bad('a URL of https', 'https://a/', /neither a path nor/, {
    stricter: 'nobody may say https on a connection that is plain',
  }),
  bad('a URL with a user', 'http://x@a/', /Host|user|hostname/, {
    stricter: 'what is before the @ was made to look like the hostname',
  }),
  bad('a URL with a user and a password', 'http://a:b@a/', /Host|user|hostname/, {
    stricter: 'what is before the @ was made to look like the hostname',
  }),
  bad('a URL with an empty authority', 'http:///b', /hostname/, { stricter: NOBODY }),
  bad('a URL with one slash', 'http:/a/b', /./, {}),
  bad('a URL without slashes', 'http:a/b', /./, {}),
  bad('a URL with a backslash', 'http://a\\b/', /./, {}),
  bad('a scheme only', 'http://', /hostname/, { stricter: NOBODY }),
  bad('the target * of a GET', '*', /OPTIONS/, {
    stricter: 'only OPTIONS may be about the server as a whole',
  }),
  bad('two asterisks', '**', /neither a path nor/, { stricter: ONLY_FORMS }),
  refused('two asterisks of OPTIONS', bytes('**', 'OPTIONS'), [400, /neither a path nor/], {
    stricter: ONLY_FORMS,
  }),
  refused('an authority as the target', bytes('a:80'), [400, /./], {}),
  bad('a target without a slash', 'a/b', /./, {}),
  bad('a target of dots', '../a', /./, {}),
  bad('a query as the target', '?a=b', /./, {}),
  bad('a fragment', '/a#b', /fragment/, { stricter: "a fragment is the client's own" }),
  bad('a fragment in a query', '/a?b#c', /fragment/, {
    stricter: "a fragment is the client's own",
  }),
  bad('a fragment as the target', '#a', /fragment/, {}),
  bad('a percent sign in the path', '/100%', /percent/, { stricter: PERCENT }),
  bad('half an escape in the path', '/%2', /percent/, { stricter: PERCENT }),
  bad('an escape that is none in the path', '/%zz', /percent/, { stricter: PERCENT }),
  bad('an escape with a sign in the path', '/%+2', /percent/, { stricter: PERCENT }),
  bad('an escape of Unicode in the path', '/%u0041', /percent/, { stricter: PERCENT }),
  bad('two percent signs in the path', '/%%32%65', /percent/, { stricter: PERCENT }),
  bad('half an escape before a query', '/a%2?b', /percent/, { stricter: PERCENT }),
  bad('an escape that is none in a URL', 'http://a/%zz', /percent/, { stricter: PERCENT }),
  bad('a space in the path', '/a b', /space/),
  bad('a space in the query', '/a?b c', /space/),
  bad('a tab in the path', '/a\tb', /space|not HTTP/),
  bad('a tab in the query', '/a?b\tc', /space|not HTTP/),
  bad('a NUL in the path', '/a\0b', /not HTTP/),
  bad('a control character in the path', '/a\x01b', /not HTTP/),
  bad('an escape character in the query', '/a?\x1b[0m', /not HTTP/),
  bad('DEL in the path', '/a\x7fb', /not HTTP/),
  bad('a bare LF in the path', '/a\nb', /not HTTP/),
  bad('a bare CR in the path', '/a\rb', /not HTTP/),
  refused('a line end in the path', bytes('/a\r\nb'), [505, /version/]),
  bad('a byte over 127 in the path', '/caf\xe9', /target/),
  bad('UTF-8 in the path', '/caf\xc3\xa9', /target/),
  bad('a byte over 127 in the query', '/a?b=\xe9', /target/),
  bad('a byte over 127 in a URL', 'http://a/\xff', /target/),
]
