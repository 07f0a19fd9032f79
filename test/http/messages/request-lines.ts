import { accepted, get, MALFORMED, type MessageRow, refused, waiting } from './row.ts'

const line = (text: string) => `${text}\r\nHost: a\r\n\r\n`
const method = (name: string, more = {}): MessageRow =>
  accepted(
    `the method ${name}`,
    line(`${name} / HTTP/1.1`),
    [{ method: name, target: '/', body: '' }],
    more,
  )
const badMethod = (what: string, name: string): MessageRow =>
  refused(what, line(`${name} / HTTP/1.1`), [400, /method is no token|not HTTP|no request target/])
const badVersion = (version: string, more = {}): MessageRow =>
  refused(`the version ${JSON.stringify(version)}`, line(`GET / ${version}`), MALFORMED, more)
const otherVersion = (version: string, more = {}): MessageRow =>
  refused(`the version ${version}`, line(`GET / ${version}`), [505, /version/], more)

const ONE_SPACE =
  'the grammar has one space; who splits at the first and who at the last see another target'
const NO_LINE = 'an empty line may come before a request line, half of one may not'
const NO_OTHER = 'we speak 1.1 and 1.0 only, and other rules hold in other versions'

/** The first line: method, version and what stands between them. */
export const REQUEST_LINE_ROWS: readonly MessageRow[] = [
  accepted('the smallest request', line('GET / HTTP/1.1'), [
    get('/', { httpVersion: '1.1', authority: 'a', headers: ['Host', 'a'], upgrade: null }),
  ]),
  method('HEAD'),
  method('POST'),
  method('PUT'),
  method('DELETE'),
  method('OPTIONS'),
  method('PATCH'),
  method('PROPFIND'),
  method('MKCOL'),
  method('REPORT'),
  method('SEARCH'),
  method('PURGE'),
  method('M-SEARCH'),
  method('QUERY'),
  method('BREW', { wider: true }),
  method('get', { wider: true }),
  method('Get', { wider: true }),
  method('G', { wider: true }),
  method('GETT', { wider: true }),
  method('X-CUSTOM', { wider: true }),
  method("!#$%&'*+-.^_`|~0aZ", { wider: true }),
  method('LOCK'.repeat(20), { wider: true }),
  refused(
    'the method CONNECT',
    'CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n',
    [405, /CONNECT/],
    {},
  ),
  refused('the method CONNECT with a path', line('CONNECT / HTTP/1.1'), [405, /CONNECT/]),
  refused('the method TRACE', line('TRACE / HTTP/1.1'), [405, /TRACE/], {
    stricter: 'its answer would show the client the headers that we add',
  }),
  refused('the preface of HTTP/2', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', [505, /version/]),
  badMethod('a method with @', 'G@T'),
  badMethod('a method with a colon', 'GET:'),
  badMethod('a method with a slash', 'G/T'),
  badMethod('a method with a quote', '"GET"'),
  badMethod('a method with a parenthesis', 'GET('),
  badMethod('a method with a comma', 'GET,'),
  badMethod('a method with a byte over 127', 'G\xc9T'),
  badMethod('a method with a NUL', 'G\0T'),
  badMethod('a method with a tab', 'G\tT'),
  badMethod('a method with DEL', 'G\x7fT'),
  refused('no method', line(' / HTTP/1.1'), [400, /method|not HTTP/]),
  refused('a space before the method', line(' GET / HTTP/1.1'), [400, /method/]),
  refused('a tab before the method', line('\tGET / HTTP/1.1'), [400, /method|not HTTP/]),
  refused('a byte order mark before the method', line('\xef\xbb\xbfGET / HTTP/1.1'), [
    400,
    /method/,
  ]),

  badVersion('HTTP/1.2', {}),
  badVersion('HTTP/1.9'),
  badVersion('HTTP/1'),
  badVersion('HTTP/1.'),
  badVersion('HTTP/.1'),
  badVersion('HTTP/11'),
  badVersion('HTTP/1.10'),
  badVersion('HTTP/01.1'),
  badVersion('HTTP/1.01'),
  badVersion('HTTP/1,1'),
  badVersion('HTTP/+1.1'),
  badVersion('HTTP/1.1a'),
  badVersion('HTTP/1.1;'),
  badVersion('http/1.1'),
  badVersion('Http/1.1'),
  badVersion('HTTPS/1.1'),
  badVersion('HTTP 1.1'.replace(' ', '\\')),
  badVersion('HTTP//1.1'),
  badVersion('XHTTP/1.1'),
  badVersion('ICY/1.1'),
  badVersion('HTTP/A.B'),
  badVersion('HTTP/\xb9.1'),
  otherVersion('HTTP/0.9', { stricter: NO_OTHER }),
  otherVersion('HTTP/2.0', { stricter: NO_OTHER }),
  otherVersion('HTTP/3.0'),
  otherVersion('HTTP/0.0'),
  otherVersion('HTTP/9.9'),
  otherVersion('RTSP/1.0'.replace('RTSP', 'HTTP').replace('1.0', '2.1')),
  refused('RTSP in a request line', 'DESCRIBE / RTSP/1.0\r\nHost: a\r\n\r\n', MALFORMED, {
    stricter: 'we speak HTTP',
  }),
  refused('no version', 'GET /\r\n\r\n', [505, /version/], {
    stricter: 'HTTP/0.9 has no headers that could say how long it is',
  }),
  refused('no version but headers', 'GET /\r\nHost: a\r\n\r\n', [505, /version/], {
    stricter: 'HTTP/0.9 has no headers that could say how long it is',
  }),
  refused('no version but a space', 'GET / \r\nHost: a\r\n\r\n', MALFORMED),
  refused('a space after the version', line('GET / HTTP/1.1 '), MALFORMED, {}),
  refused('a tab after the version', line('GET / HTTP/1.1\t'), MALFORMED, {}),
  refused('words after the version', line('GET / HTTP/1.1 x'), MALFORMED),
  refused('a second version', line('GET / HTTP/1.1 HTTP/1.1'), [400, /space/]),
  refused('a second version, older', line('GET / HTTP/1.1 HTTP/1.0'), [400, /space/]),

  refused('two spaces after the method', line('GET  / HTTP/1.1'), [400, /space/], {
    stricter: ONE_SPACE,
  }),
  refused('two spaces after the target', line('GET /  HTTP/1.1'), [400, /space/], {
    stricter: ONE_SPACE,
  }),
  refused('a tab after the method', line('GET\t/ HTTP/1.1'), [400, /target/]),
  refused('a tab after the target', line('GET /\tHTTP/1.1'), [505, /version/]),
  refused('a vertical tab after the method', line('GET\x0b/ HTTP/1.1'), MALFORMED),
  refused('a form feed after the target', line('GET /\x0cHTTP/1.1'), MALFORMED),
  refused('a no-break space after the method', line('GET\xa0/ HTTP/1.1'), [400, /./]),
  refused('no target', line('GET HTTP/1.1'), [400, /target/]),
  refused('no target between two spaces', line('GET  HTTP/1.1'), [400, /target|space/]),
  refused('only a method', line('GET'), MALFORMED),
  refused('another protocol', 'SSH-2.0-OpenSSH_9.6\r\n\r\n', MALFORMED),
  refused('a TLS handshake', '\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\r\n\r\n', MALFORMED),
  refused('an answer', 'HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n', [400, /./]),
  refused('a PROXY protocol line', `PROXY TCP4 1.1.1.1 2.2.2.2 1 2\r\n${line('GET / HTTP/1.1')}`, [
    400,
    /./,
  ]),
  refused('a header line first', 'Host: a\r\nGET / HTTP/1.1\r\n\r\n', [505, /version/]),
  accepted('an empty line before', `\r\n${line('GET / HTTP/1.1')}`, [get()]),
  accepted('three empty lines before', `\r\n\r\n\r\n${line('GET / HTTP/1.1')}`, [get()]),
  refused('a bare LF before', `\n${line('GET / HTTP/1.1')}`, MALFORMED, { stricter: NO_LINE }),
  refused('a bare CR before', `\r${line('GET / HTTP/1.1')}`, MALFORMED, { stricter: NO_LINE }),
  refused('an empty line and a bare LF before', `\r\n\n${line('GET / HTTP/1.1')}`, MALFORMED, {
    stricter: NO_LINE,
  }),
  refused('an empty line and a space before', `\r\n ${line('GET / HTTP/1.1')}`, [400, /method/]),
  refused('a bare LF after the request line', 'GET / HTTP/1.1\nHost: a\r\n\r\n', MALFORMED),
  refused('a bare CR after the request line', 'GET / HTTP/1.1\rHost: a\r\n\r\n', MALFORMED),
  refused('two CR after the request line', 'GET / HTTP/1.1\r\r\nHost: a\r\n\r\n', MALFORMED),
  refused('LF CR after the request line', 'GET / HTTP/1.1\n\rHost: a\r\n\r\n', MALFORMED),
  refused('a CR in the method', 'G\rET / HTTP/1.1\r\nHost: a\r\n\r\n', MALFORMED),
  refused('only line feeds as ends of lines', 'GET / HTTP/1.1\nHost: a\n\n', MALFORMED),
  waiting('half a method', 'GE'),
  waiting('a method', 'GET '),
  waiting('half a target', 'GET /ab'),
  waiting('a request line without its end', 'GET / HTTP/1.1'),
  waiting('a request line with half its end', 'GET / HTTP/1.1\r'),
  waiting('a request line', 'GET / HTTP/1.1\r\n'),
  waiting('half a header name', 'GET / HTTP/1.1\r\nHo'),
  waiting('half a header value', 'GET / HTTP/1.1\r\nHost: exa'),
  waiting('a head without its empty line', 'GET / HTTP/1.1\r\nHost: a\r\n'),
  waiting('a head with half its empty line', 'GET / HTTP/1.1\r\nHost: a\r\n\r'),
]
